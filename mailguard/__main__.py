"""`python -m mailguard` is the command `mailguard`."""

from mailguard.cli import main

main()
