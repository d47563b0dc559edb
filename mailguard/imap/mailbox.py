"""Somebody's sent mail, piece by piece. A connection that breaks is made again, and a mail that breaks it is left out.

Everything here blocks, and belongs into a thread.
"""

import imaplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mailguard.imap.folder import Folder, Sent, by_name, sent_folders
from mailguard.imap.names import shown
from mailguard.imap.server import Account, Broken, Refused, Server, close, connect, spoken

_AT_ONCE = 50  # mails in one piece
_TRIES = 3  # with one mail alone

Place = Mapping[str, int]  # {"validity", "uid"}: all up to this mail was read


@dataclass(frozen=True, slots=True)
class Piece:
    """Some mails of a folder, and where to go on behind them; `left_out` are those that broke the connection."""

    folder: str  # as it goes over the wire
    place: Place
    mails: tuple[Sent, ...]
    done: int  # of all that are to be read now
    total: int
    left_out: tuple[int, ...] = ()


class Mailbox:
    """`since`: older mail isn't read. `reached(folder)` is the place where an earlier reading was left, if any."""

    def __init__(
        self, server: Server, account: Account, folder: str, since: datetime,
        reached: Callable[[str], Place | None],
    ) -> None:  # fmt: skip
        """`folder`: a name as a person writes it; '' is whatever is marked as sent mail."""
        self.account = account
        self.begun_anew: list[str] = []  # folders whose mails got other numbers than they had
        self._server, self._since, self._reached = server, since, reached
        self._folders: list[str] | None = [by_name(folder)] if folder else None
        self._link: imaplib.IMAP4 | None = None
        self._open: Folder | None = None
        self._left: list[int] = []
        self._done = self._total = self._at_once = 0
        self._read = dict[str, Place]()  # by this one, whoever was told of it
        self._failures = 0

    def step(self) -> Piece | None:
        """The next piece; None: that was all. Raises Broken, after which it may be called again, and Refused."""
        try:
            with spoken(self._server):
                return self._step()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._link is not None:
            close(self._link)
        self._link = self._open = None

    def _step(self) -> Piece | None:
        if self._link is None:
            self._link = connect(self._server, self.account)
        if self._folders is None:
            self._folders = sent_folders(self._link)
        while self._folders:
            name = self._folders[0]
            folder = self._open or self._enter(self._link, name)
            if self._left:
                return self._piece(folder, name)
            self._folders.pop(0)
            self._open = None
        return None

    def _enter(self, link: imaplib.IMAP4, name: str) -> Folder:
        folder = Folder(link, name)
        place = self._read.get(name) or self._reached(name)
        if place and place["validity"] != folder.validity:
            self.begun_anew.append(shown(name))
            place = None
        self._open = folder
        self._left = folder.since(self._since, place["uid"] if place else 0)
        self._total = self._done + len(self._left)
        self._at_once = self._at_once or _AT_ONCE
        return folder

    def _piece(self, folder: Folder, name: str) -> Piece:
        uids = self._left[: self._at_once]
        given_up = self._failures >= _TRIES
        try:
            with spoken(self._server):
                mails = () if given_up else tuple(folder.read(uids))
        except (Broken, Refused) as error:
            self._failures += len(uids) == 1
            self._at_once = 1
            raise Broken(str(error)) from None
        left_out = tuple(uids) if given_up else ()
        self._failures, self._at_once = 0, min(self._at_once * 2, _AT_ONCE)
        self._left = self._left[len(uids) :]
        self._done += len(uids)
        place = {"validity": folder.validity, "uid": uids[-1]}
        self._read[name] = place
        return Piece(name, place, mails, self._done, self._total, left_out)
