"""Signatures of our own domains that our own edits made invalid: nobody is helped by them any more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailguard.dkim.canon import relaxed, simple
from mailguard.dkim.signer import Signer
from mailguard.mail import fields

_BLANKS = re.compile(r"\s+")
_NAME = 253  # characters of a name in DNS: what a mail says ends in the log


@dataclass(frozen=True, slots=True)
class Broken:
    """One of them, and where it stands in the head as it leaves."""

    field: fields.Field
    domain: str
    selector: str


def broken(before: bytes, after: bytes, signer: Signer, *, other_body: bool) -> list[Broken]:
    """Those in the head `after` our edits that cover something which was otherwise `before` them, or the body was.

    Only of domains that we sign for: a valid one takes its place. What others signed is theirs.
    """
    if not signer or b"dkim-signature" not in after.lower():
        return []
    was, now = _named(before), _named(after)
    found = []
    for each in now.get("dkim-signature", []):
        tags = _tags(after[each.value : each.end])
        domain = tags.get("d", "").lower()
        if signer.domain(domain) and (other_body or _differs(tags, before, was, after, now)):
            found.append(Broken(each, domain[:_NAME], tags.get("s", "")[:_NAME]))
    return found


Named = dict[str, list[fields.Field]]


def _named(head: bytes) -> Named:
    named: Named = {}
    for each in fields.fields(head, fields.first(head), fields.head(head)[0]):
        named.setdefault(each.name, []).append(each)
    return named


def _differs(tags: dict[str, str], before: bytes, was: Named, after: bytes, now: Named) -> bool:
    form = relaxed if tags.get("c", "").lower().startswith("relaxed") else simple
    names = tags.get("h", "").lower().split(":")

    def covered(head: bytes, named: Named) -> Iterator[bytes | None]:
        left = {name: list(found) for name, found in named.items()}
        for name in names:
            several = left.get(name)
            yield form(head, several.pop()) if several else None

    return list(covered(before, was)) != list(covered(after, now))


def _tags(value: bytes) -> dict[str, str]:
    text = _BLANKS.sub("", value.decode("latin-1"))
    return {name: said for name, _, said in (tag.partition("=") for tag in text.split(";"))}
