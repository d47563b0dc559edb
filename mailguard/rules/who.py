"""WHO: which addresses are meant. `external`, `{group: executives}`, `{domain: client.example}`, or a list (OR).

A list address stands for its members: it is external when one member is.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.document.model import suggest
from mailguard.locale.sayings import counted, every, joined, saying, some
from mailguard.mail import address
from mailguard.rules import acquaintance, lexicon, strangers
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.facts import Facts

Test = Callable[[Facts, str], bool]
Unknown = Callable[[Facts, Iterable[str]], str]


@dataclass(frozen=True, slots=True)
class Who:
    """A question about one address (key). `said` completes "2 recipients …"; `why` is a whole sentence of its own.

    `unknown` says what is not known that this asks of the addresses, "" for nothing: it answers no meanwhile.
    `receives`: it says something of a recipient, and nothing of a sender.
    """

    said: str
    test: Test
    why: Callable[[Facts, str], str] | None = None
    unknown: Unknown | None = None
    receives: bool = False

    def select(self, facts: Facts, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of the addresses that are meant."""
        return tuple([key for key in keys if self.test(facts, key)])

    def sentence(self, facts: Facts, found: tuple[str, ...]) -> str:
        """Why, for the addresses found."""
        if self.why is not None:
            return joined("; ", dict.fromkeys(filter(None, (self.why(facts, key) for key in found))))
        return counted(
            "{number} recipient {who}: {list}", "{number} recipients {who}: {list}", len(found), who=self.said,
            list=listed(found),
        )  # fmt: skip


def listed(found: Iterable[str], most: int = 5) -> str:
    """`a@x, b@y and 3 more`."""
    keys = list(found)
    shown = joined(", ", keys[:most])
    return saying("{list} and {number} more", list=shown, number=len(keys) - most) if len(keys) > most else shown


def external(facts: Facts, key: str) -> bool:
    """Whether mail to this address, or to a member of this list, leaves the organization."""
    return facts.once(("external", key), lambda: _outside(facts, key))


def _outside(facts: Facts, key: str) -> bool:
    people = facts.people
    return people.external(key) or any(people.external(one) for one in people.expand(key) if one != key)


def _internal(facts: Facts, key: str) -> bool:
    return not external(facts, key)


def members(facts: Facts, key: str) -> frozenset[str]:
    """Whom mail to this address reaches, aliases resolved."""
    people = facts.people
    return facts.once(("members", key), lambda: frozenset(people.canonical(one) for one in people.expand(key)) | {key})


def _freemail(facts: Facts, key: str) -> bool:
    return any(address.domain(one) in lexicon.freemail() for one in members(facts, key))


def _has_assistant(facts: Facts, key: str) -> bool:
    return facts.people.assistant_of(key) is not None


def _recipient(said: str, test: Test, why: Callable[[Facts, str], str], unknown: Unknown | None = None) -> Who:
    return Who(said, test, why, unknown, receives=True)


WORDS: Mapping[str, Who] = {
    "internal": Who(saying("inside the organization"), _internal),
    "external": Who(saying("outside the organization"), external),
    "freemail": Who(saying("at a free-mail provider"), _freemail),
    "unexpected": _recipient(
        saying("who stands out"), acquaintance.unexpected, acquaintance.why_unexpected, acquaintance.unknown
    ),
    "first_contact": _recipient(
        saying("never written to before"), acquaintance.first_contact, acquaintance.why_first, acquaintance.unknown
    ),
    "namesake": _recipient(
        saying("with the name of somebody else"),
        acquaintance.namesake,
        acquaintance.why_namesake,
        acquaintance.stranger,
    ),
    "lookalike": Who(saying("at a domain that looks like another"), lambda _facts, _key: False),  # bound to the lists
    "undeliverable": _recipient(
        saying("at a domain that takes no mail"), strangers.undeliverable, strangers.why_undeliverable, strangers.silent
    ),
    "no_contact": _recipient(saying("not to be written to"), strangers.no_contact, strangers.why_no_contact),
    "unknown_list": Who(saying("a list that nobody can expand"), lambda facts, key: facts.people.unknown_list(key)),
    "has_assistant": Who(saying("with an assistant"), _has_assistant),
}

# What an editor says of a word, where `said` is too short for that.
_MEANING = {
    "internal": "inside the organization, all members of a list too",
    "external": "outside the organization, or a list with a member outside",
    "freemail": "at a free-mail provider, like gmail.com",
    "unexpected": "somebody who does not belong with the others, by what the sender wrote before",
    "namesake": "with the name of somebody else who is written to more often",
    "lookalike": "at a domain that looks like one of ours, a partner's or a popular one",
    "no_contact": "under a no-contact order of people.yaml that binds the sender",
    "has_assistant": "with an assistant in people.yaml",
}

SCHEMA: dict[str, Any] = {
    "description": "Which addresses: a word, a mapping, or a list of them (one is enough)",
    "anyOf": [
        *({"const": word, "description": _MEANING.get(word, who.said)} for word, who in WORDS.items()),
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "group": {"type": "string", "description": "a group of people.yaml or the directory"},
                "title": {
                    "type": ["string", "array"],
                    "items": {"type": "string"},
                    "description": "a person's whole title, case ignored; * stands for anything: head of *",
                },
                "in": {
                    "type": ["string", "array"],
                    "items": {"type": "string"},
                    "description": "a list's name, or addresses and *@domain patterns",
                },
                "domain": {
                    "type": ["string", "array"],
                    "items": {"type": "string"},
                    "description": "client.example is exactly that domain, *.client.example its sub-domains",
                },
                "pattern": {"type": "string", "description": "an RE2 that the address contains, case ignored"},
                "all": {"type": "array", "description": "addresses that all of these are true of"},
                "not": {"description": "all other addresses"},
            },
        },
        {"type": "array", "minItems": 1},
    ],
}


def bind(spec: Any, binder: Binder) -> Who:
    """The WHO written at the binder's place; problems go to the binder."""
    if isinstance(spec, str):
        return _word(spec, binder)
    if isinstance(spec, list):
        return _any_of([bind(one, binder.below(n)) for n, one in enumerate(spec)], binder)
    if isinstance(spec, dict) and len(spec) == 1:
        ((key, value),) = spec.items()
        if key in _KINDS:
            return _KINDS[key](value, binder.below(key))
        meant = suggest(key, _KINDS)
        fix = f'did you mean "{meant}"?' if meant else f"write one of {', '.join(_KINDS)}"
        binder.wrong((key,), Code.CHOICE, f'"{key}" does not say which addresses', fix, key=True)
        return NOBODY
    help_text = "write a word like external, or one of {group: G}, {in: LIST}, {domain: D}, {pattern: RE2}"
    binder.wrong((), Code.SHAPE, "this does not say which addresses", help_text)
    return NOBODY


NOBODY = Who(saying("of nobody"), lambda _facts, _key: False)


def _word(word: str, binder: Binder) -> Who:
    if word == "lookalike":
        return _lookalike(binder.names.domains)
    if word in WORDS:
        return WORDS[word]
    meant = suggest(word, WORDS)
    fix = f'did you mean "{meant}"?' if meant else "a group is written {group: NAME}, a list {in: NAME}"
    binder.wrong((), Code.CHOICE, f'"{word}" is not one of {", ".join(WORDS)}', fix)
    return NOBODY


def _lookalike(listed: frozenset[str]) -> Who:
    strangers.popular()  # read with the rules: the first mail must not wait for it

    def why(facts: Facts, key: str) -> str:
        return facts.once(("lookalike", key), lambda: strangers.lookalike(facts, key, listed))

    return _recipient(WORDS["lookalike"].said, lambda facts, key: bool(why(facts, key)), why)


def _any_of(parts: list[Who], binder: Binder) -> Who:
    if not parts:
        binder.wrong((), Code.EMPTY_WHEN, "an empty list means nobody", "name who is meant, or leave the key out")
    if len(parts) == 1:
        return parts[0]

    def why(facts: Facts, key: str) -> str:
        part = next((part for part in parts if part.test(facts, key)), NOBODY)
        return part.sentence(facts, (key,))

    return Who(
        some(part.said for part in parts),
        lambda facts, key: any(part.test(facts, key) for part in parts),
        why if any(part.why for part in parts) else None,
        _first_unknown(parts),
        any(part.receives for part in parts),
    )


def _all_of(spec: Any, binder: Binder) -> Who:
    if not isinstance(spec, list) or not spec:
        binder.wrong((), Code.SHAPE, "all needs a list, like {all: [external, unexpected]}")
        return NOBODY
    parts = [bind(one, binder.below(n)) for n, one in enumerate(spec)]
    telling = next((part.why for part in parts if part.why), None)
    return Who(
        every(part.said for part in parts),
        lambda facts, key: all(part.test(facts, key) for part in parts),
        telling,
        _first_unknown(parts),
        any(part.receives for part in parts),
    )


def _not(spec: Any, binder: Binder) -> Who:
    part = bind(spec, binder)
    return Who(
        saying("not {who}", who=part.said),
        lambda facts, key: not part.test(facts, key),
        None,
        part.unknown,
        part.receives,
    )


def _first_unknown(parts: Iterable[Who]) -> Unknown | None:
    asking = [part.unknown for part in parts if part.unknown is not None]
    return (lambda facts, keys: next(filter(None, (ask(facts, keys) for ask in asking)), "")) if asking else None


def _group(spec: Any, binder: Binder) -> Who:
    name = binder.group(spec)

    def test(facts: Facts, key: str) -> bool:
        return any(facts.people.in_group(one, name) for one in members(facts, key))

    return Who(saying("in the group {name}", name=name), test)


def _title(spec: Any, binder: Binder) -> Who:
    wanted = spec if isinstance(spec, list) else [spec]
    for entry in wanted:
        if not isinstance(entry, str) or not entry.strip("* "):
            binder.wrong((), Code.SHAPE, "a title is text, like {title: cfo} or {title: [director, head of *]}")
            return NOBODY
    parts = ([re.escape(part) for part in entry.lower().split("*")] for entry in wanted)
    pattern = re.compile("|".join(".*".join(some) for some in parts), re.DOTALL)

    def test(facts: Facts, key: str) -> bool:
        return any(pattern.fullmatch(facts.people.title_of(one).lower()) for one in members(facts, key))

    return Who(saying("with the title {titles}", titles=some(wanted)), test)


def _in(spec: Any, binder: Binder) -> Who:
    entries = binder.list_of(spec) if isinstance(spec, str) else spec
    if not isinstance(entries, list | tuple):
        binder.wrong((), Code.SHAPE, "in needs a list's name or addresses, like {in: [ann@client.example]}")
        return NOBODY
    placed = [(() if isinstance(spec, str) else (number,), entry) for number, entry in enumerate(entries)]
    patterns, keys = [], set()
    for loc, entry in placed:
        if str(entry).startswith("*@"):
            patterns.append(_suffix(entry))
            binder.domain(patterns[-1], *loc)
        else:
            keys.add(binder.address(entry, *loc))
    named = frozenset(keys)

    def test(facts: Facts, key: str) -> bool:
        reached, mailbox = members(facts, key), facts.people.mailbox
        boxes = facts.once(("meant", named), lambda: frozenset(map(mailbox, named)))
        return not boxes.isdisjoint(map(mailbox, reached)) or _within(reached, patterns)

    return Who(saying("on the list {name}", name=spec) if isinstance(spec, str) else saying("named in the rule"), test)


def _domain(spec: Any, binder: Binder) -> Who:
    wanted = spec if isinstance(spec, list) else [spec]
    for number, entry in enumerate(wanted):
        binder.domain(entry, *((number,) if isinstance(spec, list) else ()))
    patterns = [str(entry) for entry in wanted]
    return Who(
        saying("at {domains}", domains=some(patterns)), lambda facts, key: _within(members(facts, key), patterns)
    )


def _pattern(spec: Any, binder: Binder) -> Who:
    wanted = binder.pattern(spec, fold=True)
    return Who(
        saying("whose address matches {pattern}", pattern=spec),
        lambda facts, key: any(wanted.search(one) is not None for one in members(facts, key)),
    )


def _suffix(entry: object) -> str:
    return str(entry).removeprefix("*@")


def _within(keys: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(address.within(address.domain(key), pattern) for key in keys for pattern in patterns)


_KINDS: Mapping[str, Callable[[Any, Binder], Who]] = {
    "group": _group,
    "title": _title,
    "in": _in,
    "domain": _domain,
    "pattern": _pattern,
    "all": _all_of,
    "not": _not,
}
