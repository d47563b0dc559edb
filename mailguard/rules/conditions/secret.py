"""Secrets that were not meant to be mailed: private keys, access tokens, passwords."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mailguard.locale.sayings import counted, every, joined, saying
from mailguard.records import Match
from mailguard.rules import places, secrets
from mailguard.rules.condition import Condition, condition, filled, or_short
from mailguard.rules.facts import Facts
from mailguard.rules.places import Place
from mailguard.rules.secrets import SecretKind

_SHOWN = 20
_ALL: tuple[SecretKind, ...] = get_args(SecretKind)


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


@condition("secret")
class Secret(Condition):
    """A key, a token or a password; never shown, not even to its sender."""

    examples = (True, {"kind": ["private_key", "token"], "in": ["body", "attachments"]})
    kind: Annotated[
        tuple[SecretKind, ...],
        BeforeValidator(_several, json_schema_input_type=SecretKind | list[SecretKind]),
        AfterValidator(filled),
    ] = _ALL
    """private_key, token (of AWS, GitHub, Slack, …; JSON web tokens), password ("password: …"); all when left out."""
    in_: Annotated[tuple[Place, ...], AfterValidator(filled)] = Field((Place.SUBJECT, Place.BODY), alias="in")
    """subject, body (what the sender wrote now), quoted, attachments (their names and what is in them), file_names."""
    at_least: int = Field(1, ge=1, le=1_000_000)
    """How many different ones it takes."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {} if value is True else value

    def match(self, facts: Facts) -> Match | None:
        hits = list(self._found(facts))
        if len({secret for secret, _ in hits}) < self.at_least:
            places.check(facts, self.in_)
            return None
        evidence = tuple(dict.fromkeys((where, secret.said) for secret, where in hits))[:_SHOWN]
        where = every(dict.fromkeys(place for place, _ in evidence))
        found = joined(", ", dict.fromkeys(said for _, said in evidence[:5]))
        return Match(saying("{found} in {places}", found=found, places=where), evidence=evidence)

    def _found(self, facts: Facts) -> Iterator[tuple[secrets.Secret, str]]:
        kinds = frozenset[str](self.kind)
        for place in self.in_:
            for where, secret in _secrets(facts, place, kinds):
                yield secret, where

    def miss(self, facts: Facts) -> str:
        count = len({secret for secret, _ in self._found(facts)})
        where = places.named(self.in_)
        if not count:
            return saying("no key, token or password in {places}", places=where)
        return counted("only {number} secret in {places}", "only {number} secrets in {places}", count, places=where)

    @property
    def cost(self) -> int:
        return places.cost(self.in_) + 1

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return or_short(super().schema_of(), True)


def _secrets(facts: Facts, place: Place, kinds: frozenset[str]) -> tuple[tuple[str, secrets.Secret], ...]:
    def find() -> tuple[tuple[str, secrets.Secret], ...]:
        pieces = places.pieces(facts, place)
        return tuple((where, secret) for where, text in pieces for secret in secrets.find(text, kinds))

    return facts.once((kinds, place), find)
