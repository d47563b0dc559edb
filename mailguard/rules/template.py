"""The texts of `explain` and `reject`: plain words with fields in braces."""

import re
from collections.abc import Mapping

from mailguard.document.model import did_you_mean
from mailguard.locale import SOURCE, Saying
from mailguard.locale.sayings import every, fill, joined
from mailguard.mail import address
from mailguard.records import Match
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.facts import Facts
from mailguard.rules.who import external, listed

FIELDS = {
    "matched": "the words, file names or header that were found",
    "where": "where they were found",
    "recipients": "the recipients it is about",
    "external_domains": "the domains outside the organization the mail goes to",
    "sender": "the sender's address",
    "reason": "what the conditions say",
}
_FIELD = re.compile(r"\{([^{}]*)\}")
_MOST = 5


def check(text: str, binder: Binder, *loc: str | int) -> None:
    """Report fields there are not, and stray braces."""
    for name in _FIELD.findall(text):
        if name not in FIELDS:
            message = f"there is no field {{{name}}} for this text"
            binder.wrong(loc, Code.EXPLAIN, message, did_you_mean(name, tuple(FIELDS)))
    if set("{}") & set(_FIELD.sub("", text)):
        binder.wrong(loc, Code.EXPLAIN, "a brace without its other half", f"fields are {{{'}, {'.join(FIELDS)}}}")


def filled(text: str, match: Match, facts: Facts) -> str:
    """The text with its fields filled in; '' stays ''."""
    return fill(text, _values(match, facts)) if "{" in text else text


def explained(explain: str | Mapping[str, str], match: Match, facts: Facts) -> str:
    """A rule's own words, or else what its conditions say; the fields are said in the reader's language."""
    if not explain:
        return match.reason
    texts = {"": explain} if isinstance(explain, str) else explain
    own = texts.get(SOURCE) or next(iter(texts.values()))
    asked = {name for text in texts.values() for name in _FIELD.findall(text)}
    used = {name: value for name, value in _values(match, facts).items() if name in asked} if asked else {}
    return Saying(own, used, texts={} if isinstance(explain, str) else texts)


def _values(match: Match, facts: Facts) -> Mapping[str, str]:
    named = facts.named
    about = [key for key in named if key in match.recipients] or facts.recipients
    domains = dict.fromkeys(address.domain(key) for key in named if external(facts, key))
    return {
        "matched": joined(", ", list(dict.fromkeys(said for _, said in match.evidence))[:_MOST]),
        "where": every(dict.fromkeys(place for place, _ in match.evidence)),
        "recipients": listed(about),
        "external_domains": listed(domains),
        "sender": facts.sender,
        "reason": match.reason,
    }
