"""Looks a set-up over, before and after it goes live (`mailguard doctor`)."""
