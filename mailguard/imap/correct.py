"""Putting a mail right in a Sent folder: the copy as it left beside, or in the place of, the one that was there.

Everything here blocks, and belongs into a thread.
"""

import imaplib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mailguard.imap.folder import by_name, sent_folders
from mailguard.imap.names import quoted, shown
from mailguard.imap.server import Account, Refused, Server, close, connect, spoken

MARK = "X-Mailguard-As-Sent"
_NUMBERS = re.compile(rb"\d+")
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\"\\]")


@dataclass(frozen=True, slots=True)
class AsSent:
    """`copy` has the field MARK with `queue_id`, by which it is known again; `at` is when the mail was sent."""

    message_id: str
    queue_id: str
    copy: bytes
    at: datetime


def correct(
    server: Server, account: Account, folder: str, mail: AsSent, old: Literal["keep", "flag", "remove"]
) -> bool:
    """False: there is no copy of it, so none that is wrong. Done twice, it is as if done once.

    Raises Broken, after which it may be tried again, and Refused.
    """
    if _UNSAFE.search(mail.message_id) or not (mail.message_id.startswith("<") and mail.message_id.endswith(">")):
        return False  # no client's, and nothing to be searched for
    with spoken(server):
        link = connect(server, account)
        try:
            names = [by_name(folder)] if folder else sent_folders(link)
            found = {name: _put_right(link, name, mail, old) for name in names}
            return any(found.values())
        finally:
            close(link)


def _put_right(link: imaplib.IMAP4, name: str, mail: AsSent, old: str) -> bool:
    kind, said = link.select(quoted(name))
    if kind != "OK" or link.is_readonly:
        raise Refused(f"the folder {shown(name)!r} can't be written to: {_text(said)}")
    ours = _search(link, "HEADER", MARK, quoted(mail.queue_id))
    same = ("HEADER", "Message-ID", quoted(mail.message_id))
    others = [uid for uid in _search(link, *same) if uid not in ours]
    if not others:
        return bool(ours)
    if not ours:
        seen = imaplib.Time2Internaldate(mail.at)
        answer, words = link.append(quoted(name), r"(\Seen)", seen, mail.copy)
        if answer != "OK":
            raise Refused(f"{shown(name)!r} takes no mail: {_text(words)}")
    if old == "keep":
        return True
    right = _search(link, *same, "HEADER", MARK, '""')  # also another mail of that name as it left
    wrong = [uid for uid in others if uid not in right]
    if not wrong:
        return True
    _mark(link, wrong, r"(\Flagged)" if old == "flag" else r"(\Deleted)")
    if old == "remove" and b"UIDPLUS" in b" ".join(line for line in link.capability()[1] if line).upper().split():
        link.uid("EXPUNGE", _joined(wrong))  # without UIDPLUS it would take what others marked, too
    return True


def _search(link: imaplib.IMAP4, *what: str) -> list[bytes]:
    kind, said = link.uid("SEARCH", *what)
    if kind != "OK":
        raise Refused(f"it can't be searched: {_text(said)}")
    return [number for line in said if isinstance(line, bytes) for number in _NUMBERS.findall(line)]


def _mark(link: imaplib.IMAP4, uids: list[bytes], flag: str) -> None:
    kind, said = link.uid("STORE", _joined(uids), "+FLAGS.SILENT", flag)
    if kind != "OK":
        raise Refused(f"it can't be marked: {_text(said)}")


def _joined(uids: list[bytes]) -> str:
    return b",".join(uids).decode()


def _text(said: object) -> str:
    lines = said if isinstance(said, list) else []
    return b" ".join(line for line in lines if isinstance(line, bytes)).decode("utf-8", "replace")[:200]
