"""What is in attached files, read by processes of their own: a bomb or a crash is a fact about one file."""
