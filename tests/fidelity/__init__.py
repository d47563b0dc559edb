"""What survives a passage: every kind of signed, encrypted and special mail times everything done to mail."""
