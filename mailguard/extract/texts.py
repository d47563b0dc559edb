"""Files that are text themselves: plain, CSV, HTML, XML, calendars."""

from __future__ import annotations

import re

from mailguard.errors import CannotTell
from mailguard.extract.work import Damaged, Work
from mailguard.locale.sayings import told
from mailguard.mail import charset
from mailguard.mail import html as markup
from mailguard.records.content import Where

_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_META = re.compile(rb"""charset\s*=\s*["']?([A-Za-z0-9_.:\-]{1,40})""", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"""\A<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9_.:\-]{1,40})""")
_LINK = re.compile(r"\b(?:href|src)\s*=\s*\"((?:https?|mailto|ftp|file):[^\"]{1,2000})\"", re.I)
_UNSEEN = re.compile(
    r"<!--(.*?)-->|<title[^>]*>(.*?)</title>|\bcontent\s*=\s*\"([^\"]*)\"|\b(?:alt|title)\s*=\s*\"([^\"]*)\"",
    re.I | re.S,
)
_TAG = re.compile(r"<[^<>]*>")
_FOLD = re.compile(r"\r?\n[ \t]")
_ESCAPE = re.compile(r"\\(?:[nN]|([,;\\]))")
_LINES = 64 * 1024


def plain(work: Work, data: bytes) -> None:
    """CSV too: a cell's text stands between separators that no word goes across."""
    _spell(work, _decoded(data, ""))


def html(work: Work, data: bytes) -> None:
    """What is shown, and apart from it comments, title and alternative texts."""
    label = _META.search(data[:4096])
    text = _decoded(data, label[1].decode("ascii") if label else "")
    try:
        for line in markup.lines(text, reply=False):
            work.line(line.text)
    except CannotTell as error:
        raise Damaged(told(error)) from None
    for comment, *others in _UNSEEN.findall(text):
        work.line(comment.strip(), Where.COMMENT)
        work.line(" ".join(filter(None, others)), Where.METADATA)
    for link in _LINK.findall(text):
        work.line(link, Where.METADATA)


def xml(work: Work, data: bytes) -> None:
    """Whatever stands between the tags."""
    label = _XML_CHARSET.match(data)
    _spell(work, _TAG.sub(" ", _decoded(data, label[1].decode("ascii") if label else "")))


def calendar(work: Work, data: bytes) -> None:
    """Every line of it, unfolded (RFC 5545 §3.1)."""
    _spell(work, _ESCAPE.sub(lambda found: found[1] or "\n", _FOLD.sub("", _decoded(data, ""))))


def _decoded(data: bytes, label: str) -> str:
    return charset.decode(data, next((name for bom, name in _BOMS if data.startswith(bom)), label))


def _spell(work: Work, text: str) -> None:
    work.spend(len(text))
    for start in range(0, len(text), _LINES):
        work.text(text[start : start + _LINES].replace("\r", ""))
    work.end()
