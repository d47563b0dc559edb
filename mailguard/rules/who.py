"""WHO: which addresses are meant. `external`, `{group: executives}`, `{domain: client.example}`, or a list (OR).

A list address stands for its members: it is external when one member is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.document.model import suggest
from mailguard.mail import address
from mailguard.rules import lexicon
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code
from mailguard.rules.facts import Facts

Test = Callable[[Facts, str], bool]


@dataclass(frozen=True, slots=True)
class Who:
    """A question about one address (key). `said` completes "2 recipients …"; `why` is a whole sentence of its own.

    `past`: it asks the sender's history, and answers no while that is not known.
    """

    said: str
    test: Test
    why: Callable[[Facts, str], str] | None = None
    past: bool = False

    def select(self, facts: Facts, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of the addresses that are meant."""
        return tuple(key for key in keys if self.test(facts, key))

    def sentence(self, facts: Facts, found: tuple[str, ...], noun: str = "recipient") -> str:
        """Why, for the addresses found."""
        if self.why is not None:
            return "; ".join(dict.fromkeys(filter(None, (self.why(facts, key) for key in found))))
        count = f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"
        return f"{count} {self.said}: {listed(found)}"


def listed(found: Iterable[str], most: int = 5) -> str:
    """`a@x, b@y and 3 more`."""
    keys = list(found)
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def external(facts: Facts, key: str) -> bool:
    """Whether mail to this address, or to a member of this list, leaves the organization."""
    return facts.once(("external", key), lambda: _outside(facts, key))


def _outside(facts: Facts, key: str) -> bool:
    return facts.people.external(key) or any(map(facts.people.external, facts.people.expand(key)))


def _internal(facts: Facts, key: str) -> bool:
    return not external(facts, key)


def members(facts: Facts, key: str) -> frozenset[str]:
    """Whom mail to this address reaches, aliases resolved."""
    people = facts.people
    return facts.once(("members", key), lambda: frozenset(people.canonical(one) for one in people.expand(key)) | {key})


def _freemail(facts: Facts, key: str) -> bool:
    return any(address.domain(one) in lexicon.freemail() for one in members(facts, key))


def _unexpected(facts: Facts, key: str) -> bool:
    return bool(facts.unexpected) and key in (facts.unexpected or {}) and not _self(facts, key)


def _first_contact(facts: Facts, key: str) -> bool:
    return bool(facts.first_contact) and key in (facts.first_contact or {}) and not _self(facts, key)


def _self(facts: Facts, key: str) -> bool:
    return facts.people.canonical(key) == facts.people.canonical(facts.sender)


def _has_assistant(facts: Facts, key: str) -> bool:
    return facts.people.assistant_of(key) is not None


WORDS: Mapping[str, Who] = {
    "internal": Who("inside the organization", _internal),
    "external": Who("outside the organization", external),
    "freemail": Who("at a free-mail provider", _freemail),
    "unexpected": Who(
        "who stands out", _unexpected, lambda facts, key: (facts.unexpected or {}).get(key, ""), past=True
    ),
    "first_contact": Who(
        "never written to before",
        _first_contact,
        lambda facts, key: (facts.first_contact or {}).get(key, ""),
        past=True,
    ),
    "has_assistant": Who("with an assistant", _has_assistant),
}

# Documented for all versions, built by a later one.
LATER = ("lookalike", "undeliverable", "no_contact")

SCHEMA: dict[str, Any] = {
    "description": "Which addresses: a word, a mapping, or a list of them (one is enough)",
    "anyOf": [
        {"enum": [*WORDS]},
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "group": {"type": "string", "description": "a group of people.yaml"},
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


NOBODY = Who("of nobody", lambda _facts, _key: False)


def _word(word: str, binder: Binder) -> Who:
    if word in WORDS:
        return WORDS[word]
    if word in LATER:
        binder.wrong((), Code.LATER, f'"{word}" is not available yet in this version', "leave it out until then")
        return NOBODY
    meant = suggest(word, WORDS)
    fix = f'did you mean "{meant}"?' if meant else "a group is written {group: NAME}, a list {in: NAME}"
    binder.wrong((), Code.CHOICE, f'"{word}" is not one of {", ".join(WORDS)}', fix)
    return NOBODY


def _any_of(parts: list[Who], binder: Binder) -> Who:
    if not parts:
        binder.wrong((), Code.EMPTY_WHEN, "an empty list means nobody", "name who is meant, or leave the key out")
    if len(parts) == 1:
        return parts[0]

    def why(facts: Facts, key: str) -> str:
        part = next((part for part in parts if part.test(facts, key)), NOBODY)
        return part.sentence(facts, (key,))

    return Who(
        " or ".join(part.said for part in parts),
        lambda facts, key: any(part.test(facts, key) for part in parts),
        why if any(part.why for part in parts) else None,
        any(part.past for part in parts),
    )


def _all_of(spec: Any, binder: Binder) -> Who:
    if not isinstance(spec, list) or not spec:
        binder.wrong((), Code.SHAPE, "all needs a list, like {all: [external, unexpected]}")
        return NOBODY
    parts = [bind(one, binder.below(n)) for n, one in enumerate(spec)]
    telling = next((part.why for part in parts if part.why), None)
    return Who(
        " and ".join(part.said for part in parts),
        lambda facts, key: all(part.test(facts, key) for part in parts),
        telling,
        any(part.past for part in parts),
    )


def _not(spec: Any, binder: Binder) -> Who:
    part = bind(spec, binder)
    return Who(f"not {part.said}", lambda facts, key: not part.test(facts, key), None, part.past)


def _group(spec: Any, binder: Binder) -> Who:
    name = binder.group(spec)

    def test(facts: Facts, key: str) -> bool:
        return any(facts.people.in_group(one, name) for one in members(facts, key))

    return Who(f"in the group {name}", test)


def _in(spec: Any, binder: Binder) -> Who:
    entries = binder.list_of(spec) if isinstance(spec, str) else spec
    if not isinstance(entries, list | tuple):
        binder.wrong((), Code.SHAPE, "in needs a list's name or addresses, like {in: [ann@client.example]}")
        return NOBODY
    patterns = [_suffix(entry) for entry in entries if str(entry).startswith("*@")]
    plain = [(number, entry) for number, entry in enumerate(entries) if not str(entry).startswith("*@")]
    keys = frozenset(binder.address(entry, *(() if isinstance(spec, str) else (n,))) for n, entry in plain)

    def test(facts: Facts, key: str) -> bool:
        reached = members(facts, key)
        canonical = facts.once(("meant", keys), lambda: keys | {facts.people.canonical(one) for one in keys})
        return bool(reached & canonical) or _within(reached, patterns)

    return Who(f"on the list {spec}" if isinstance(spec, str) else "named in the rule", test)


def _domain(spec: Any, binder: Binder) -> Who:
    wanted = spec if isinstance(spec, list) else [spec]
    for entry in wanted:
        if not isinstance(entry, str) or not entry.strip("*.") or "@" in entry or " " in entry:
            binder.wrong((), Code.ADDRESS, f'"{entry}" is not a domain', "write client.example or *.client.example")
    patterns = [str(entry) for entry in wanted]
    return Who(f"at {' or '.join(patterns)}", lambda facts, key: _within(members(facts, key), patterns))


def _pattern(spec: Any, binder: Binder) -> Who:
    wanted = binder.pattern(spec, fold=True)
    return Who(
        f"whose address matches {spec}",
        lambda facts, key: any(wanted.search(one) is not None for one in members(facts, key)),
    )


def _suffix(entry: object) -> str:
    return str(entry).removeprefix("*@")


def _within(keys: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(address.within(address.domain(key), pattern) for key in keys for pattern in patterns)


_KINDS: Mapping[str, Callable[[Any, Binder], Who]] = {
    "group": _group,
    "in": _in,
    "domain": _domain,
    "pattern": _pattern,
    "all": _all_of,
    "not": _not,
}
