"""What a mail says, as far as it tells who is meant: hashed words, who is greeted, whom it answers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

_WORD = re.compile(r"[^\W\d_][\w&'-]{2,}")
_SHORTEST = 3
_NO_LETTER = "0123456789_&'-"  # what a word does not begin with
_OTHERS = {at: " " for at in range(128) if not chr(at).isalpha() and chr(at) not in _NO_LETTER}
_ADDRESS = re.compile(r"[\w.+'-]{1,64}@[\w.-]{1,190}\.\w{2,24}")
_ANSWER = r"re|aw|antw|odp|sv|vs|ref|r"
_PASSED_ON = r"fw|fwd|wg|pd|tr|rv|vb"
_MARKS = re.compile(rf"^\s*(?:(?:{_ANSWER}|{_PASSED_ON})\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_REPLY = re.compile(rf"^\s*(?:{_ANSWER})\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_FORWARD = re.compile(rf"^\s*(?:{_PASSED_ON})\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_HELLO = (
    "hi|hello|hey|dear|good morning|good afternoon|hallo|lieber|liebe|guten tag|"
    "cześć|witam|drogi|droga|szanowny|szanowna"
)
_GREETED = re.compile(
    rf"^\W*(?:{_HELLO})\b[\s,]+(?:(?:mr|mrs|ms|dr|herr|frau|pan|pani)\b\.?\s*)?([^\W\d_]{{2,15}})\b", re.IGNORECASE
)
_CALLED = re.compile(r"^\W*([A-ZŁŚŻĆÓÄÖÜ][^\W\d_A-Z]{1,14})\b(?=\s*(?:[,:!.\-–]|and |& |\n))")
_NO_NAME = re.compile(
    "thanks|thank|please|here|attached|see|yes|no|ok|okay|sorry|fyi|great|good|hello|hi|hey|dear|the|this|that|these|"
    "those|per|as|if|in|on|at|all|guys|folks|team|sure|done|sounds|my|your|we|let|also|can|could|will|would|what|when|"
    "where|how|why|just|not|and|but|for|from|it|so|everyone|everybody|colleagues|alle|zusammen|kollegen|danke|bitte|"
    "dzień|dobry|dziękuję|proszę|państwo|panie|tak|nie"
)
_TO = re.compile(r"(?:To|An|Do):(.*?)(?:Subject|Betreff|Temat):", re.DOTALL | re.IGNORECASE)
_FROM = re.compile(r"(?:From|Von|Od):(.*?)(?:Sent:|Date:|To:|Cc:|Subject:|Gesendet:|An:|Wysłano:|Do:|$)", re.DOTALL)
_WROTE = re.compile(r"(?:On .{6,60}, |^)(.{3,80}?) (?:wrote|writes|schrieb|napisał|napisała|pisze)\b")
_RULE = re.compile(r"-+ ?Forwarded by .*?-{5,}")
_DATE = re.compile(r"\d\d?/\d\d?/\d{2,4}.*", re.DOTALL)
_SUBJECT, _WORDS = 12, 60  # words that count
_TEXT, _QUOTED, _HEAD = 1500, 1800, 700  # characters that are looked at
_START = 60  # characters in which a greeting stands
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Said:
    """Words in plain are looked at once and forgotten; what is remembered are `thread` and `words`."""

    thread: int = 0
    words: tuple[int, ...] = ()
    greeting: str = ""
    reply: bool = False
    forward: bool = False
    quotes: bool = False
    text: frozenset[str] = _NONE  # what the author wrote
    author: frozenset[str] = _NONE  # who wrote what is answered
    author_address: frozenset[str] = _NONE
    head: frozenset[str] = _NONE  # who got it
    quoted: frozenset[str] = _NONE  # all that is quoted
    quoted_addresses: frozenset[str] = _NONE


def said(subject: str, text: str, quoted: str) -> Said:
    """`text` is the author's own; of a subject only what is behind Re: and Fwd: counts."""
    core = _MARKS.sub("", subject).strip().lower()
    title = _found(core)[:_SUBJECT]
    body = _found(text[:_TEXT].lower())
    greeting = _greeting(text[:_START])
    words = [*(f"s {word}" for word in title), *list(dict.fromkeys(title + body))[:_WORDS]]
    quotation = quoted[:_QUOTED]
    author, head = _heads(quotation[:_HEAD])
    return Said(
        thread=number(core) if core else 0,
        words=tuple(dict.fromkeys(_numbers(([greeted(greeting)] if greeting else []) + words))),
        greeting=greeting,
        reply=_REPLY.match(subject) is not None,
        forward=_FORWARD.match(subject) is not None or "Forwarded by" in quotation[:80],
        quotes=bool(quotation),
        text=frozenset(body),
        author=_words(author), author_address=_addresses(author), head=_words(head),
        quoted=_words(quotation), quoted_addresses=_addresses(quotation),
    )  # fmt: skip


def number(word: str) -> int:
    """32 bits: enough to know a word again, and many words share one."""
    return crc32(word.encode("utf-8", "surrogatepass"))


def _numbers(words: list[str]) -> Iterable[int]:
    """`number` of each; no word has a line end in it."""
    return map(crc32, "\n".join(words).encode("utf-8", "surrogatepass").split(b"\n")) if words else ()


def greeted(name: str) -> str:
    """A greeting as a word of its own: "Hi Kim" is no mail about Kim."""
    return f"g {name}"


def _greeting(start: str) -> str:
    found = _GREETED.match(start) or _CALLED.match(start)
    name = found[1].lower() if found else ""
    return "" if _NO_NAME.fullmatch(name) else name


def _heads(quotation: str) -> tuple[str, str]:
    """(who wrote it, who got it), as the lines above a quotation say."""
    rule = _RULE.match(quotation)
    quotation = quotation[rule.end() :] if rule else quotation
    to, author = _TO.search(quotation), _FROM.search(quotation)
    if author and (to is None or author.start() < to.start()):
        return author[1], to[1] if to else ""
    if to:
        return _DATE.sub("", quotation[: to.start()][:150]), to[1]
    wrote = _WROTE.search(quotation)
    return wrote[1] if wrote else "", ""


def _words(text: str) -> frozenset[str]:
    return frozenset(_found(text.lower()))


def _found(text: str) -> list[str]:
    """What _WORD finds, each once. In ASCII text that is what other signs leave, from its first letter on."""
    if not text.isascii():
        return list(dict.fromkeys(_WORD.findall(text)))
    runs = dict.fromkeys(text.translate(_OTHERS).split())
    return list(dict.fromkeys([word for run in runs if len(word := run.lstrip(_NO_LETTER)) >= _SHORTEST]))


def _addresses(text: str) -> frozenset[str]:
    return frozenset(found.lower() for found in _ADDRESS.findall(text))
