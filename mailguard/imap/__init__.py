"""Reading Sent folders over IMAP: what was sent, in bounded pieces, changing nothing there."""

from mailguard.imap.folder import Sent
from mailguard.imap.mailbox import Mailbox, Piece
from mailguard.imap.server import Account, Broken, Refused, Server

__all__ = ["Account", "Broken", "Mailbox", "Piece", "Refused", "Sent", "Server"]
