"""What `make bench` runs: mailguard beside Postfix, on the same machine, at the same time, into the same sink."""
