"""Sent folders over IMAP: read in bounded pieces, changing nothing there; and put right where a mail left otherwise."""

from mailguard.imap.correct import AsSent, correct
from mailguard.imap.folder import Sent
from mailguard.imap.mailbox import Mailbox, Piece
from mailguard.imap.server import Account, Broken, Refused, Server

__all__ = ["Account", "AsSent", "Broken", "Mailbox", "Piece", "Refused", "Sent", "Server", "correct"]
