"""DKIM: what is signed, and that others find it in order."""
