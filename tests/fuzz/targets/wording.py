"""The texts of a rule: `explain` and `reject`, filled in with what a mail says."""

from collections.abc import Mapping

from mailguard.records import Match
from mailguard.rules import template
from mailguard.rules.template import FIELDS
from tests.fuzz.target import target
from tests.unit.rules import judge


@target(
    "explain",
    "a rule's words are filled in once, and what a mail says is never taken for a field",
    [b"{", b"}", b"\n", *(b"{" + name.encode() + b"}" for name in FIELDS), b"{x}", b"{{", b"}}", b"{0}",
     b"{sender!r}", b"%s", b"\xc5\xbc"],
)  # fmt: skip
def explain(data: bytes) -> None:
    """Lines: the rule's text, and what was found in the mail."""
    text, _, found = data.decode(errors="ignore").partition("\n")
    match = Match(found, evidence=(("subject", found),))
    values = {"matched": found, "where": "subject", "reason": found, "sender": _FACTS.sender}
    values |= {name: template.filled(f"{{{name}}}", match, _FACTS) for name in ("recipients", "external_domains")}
    assert template.filled(text, match, _FACTS) == _filled(text, values)


def _filled(text: str, values: Mapping[str, str]) -> str:
    """From left to right, once; what is no field stays."""
    done = ""
    while text:
        before, opened, rest = text.partition("{")
        name, closed, behind = rest.partition("}")
        field = closed and "{" not in name
        done += before + (values.get(name, opened + name + closed) if field else opened)
        text = behind if field else rest
    return done


_FACTS = judge.facts()
