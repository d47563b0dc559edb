"""The mails people get from mailguard. Pure: facts, links and the time come in, bytes go out."""
