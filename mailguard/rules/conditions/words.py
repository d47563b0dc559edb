"""Words and phrases, as whole words of any script; case, encodings of accents and line breaks don't matter."""

from collections.abc import Hashable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from mailguard.document.model import BadValue
from mailguard.locale.sayings import counted, every, joined, quoted, saying
from mailguard.records import Match
from mailguard.rules import places
from mailguard.rules.binder import Binder
from mailguard.rules.condition import Condition, condition, filled
from mailguard.rules.facts import Facts
from mailguard.rules.finder import Finder, Hit, Vocabulary, normal
from mailguard.rules.forms import USUAL
from mailguard.rules.places import Place

Language = Literal[
    "cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv"
]  # fmt: skip
_Forms = bool | Language | list[Language]
_SHOWN = 20  # pieces of evidence kept: the page shows a few


def _languages(value: Any) -> Any:
    if isinstance(value, bool):
        return USUAL if value else ()
    return [value] if isinstance(value, str) else value


@condition("words")
class Words(Condition):
    """Words of a list, or named here, in chosen parts of the mail."""

    examples = ({"any": ["strictly private"], "in": ["subject", "body"]},)
    list_: str | None = Field(None, alias="list")
    """A list's name."""
    any_: tuple[str, ...] = Field((), alias="any")
    """Words or phrases."""
    ignore: str | tuple[str, ...] = ()
    """A list's name, or phrases: a word inside one of them does not count ("non-confidential")."""
    in_: Annotated[tuple[Place, ...], AfterValidator(filled)] = Field((Place.SUBJECT, Place.BODY), alias="in")
    """subject, body (what the sender wrote now), quoted, attachments (their names and what is in them), file_names."""
    at_least: int = Field(1, ge=1, le=1_000_000)
    """How many hits it takes."""
    forms: Annotated[tuple[Language, ...], BeforeValidator(_languages, json_schema_input_type=_Forms)] = ()
    """Other forms count too (secrets, poufnego): true for en, pl, de, fr and es, or the languages to try."""
    _search: tuple[Vocabulary, Finder, Finder] = PrivateAttr()

    @model_validator(mode="after")
    def _asks(self) -> "Words":
        if self.list_ is None and not self.any_:
            raise BadValue("no words to look for", "write {list: NAME} or {any: [WORD, …]}", code="MG203")
        for number, word in enumerate(self.any_):
            if not normal(word):
                raise BadValue("an empty word would be found everywhere", "leave it out", at=("any", number))
        return self

    def bind(self, binder: Binder) -> None:
        listed = binder.list_of(self.list_, "list") if self.list_ is not None else ()
        ignored = binder.list_of(self.ignore, "ignore") if isinstance(self.ignore, str) else self.ignore
        vocabulary = binder.names.vocabulary
        languages = tuple(self.forms)
        self._search = (
            vocabulary,
            vocabulary.finder((*self.any_, *listed), languages),
            vocabulary.finder(ignored, languages),
        )

    def match(self, facts: Facts) -> Match | None:
        vocabulary, finder, _ = self._search
        hits = list(self._hits(facts)) if finder in places.seen(facts, self.in_, vocabulary) else []
        if not hits or len(hits) < self.at_least:
            places.check(facts, self.in_)
            return None
        evidence = tuple(dict.fromkeys(hits))[:_SHOWN]
        where = every(dict.fromkeys(place for place, _ in evidence))
        words = joined(", ", map(quoted, dict.fromkeys(word for _, word in evidence[:5])))
        return Match(saying("{found} in {places}", found=words, places=where), evidence=evidence)

    @property
    def sought(self) -> tuple[Hashable, Hashable] | None:
        vocabulary, finder, _ = self._search
        unsure = Place.ATTACHMENTS in self.in_  # no word was found, and there was a file that could not be read
        return None if unsure else ((vocabulary, self.in_), finder)

    def _hits(self, facts: Facts) -> Iterator[tuple[str, str]]:
        vocabulary, finder, ignored = self._search
        for place in self.in_:
            found = places.found(facts, place, vocabulary)
            for hit in found.get(finder, ()):
                if not any(_within(hit, other) for other in found.get(ignored, ())):
                    yield places.said(facts, place, hit.start, places.folded), hit.word

    def miss(self, facts: Facts) -> str:
        count = sum(1 for _ in self._hits(facts))
        where = places.named(self.in_)
        if not count:
            return saying("none of these words in {places}", places=where)
        return counted(
            "only {number} of these words in {places}", "only {number} of these words in {places}", count, places=where
        )

    @property
    def cost(self) -> int:
        return places.cost(self.in_)

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        return {**super().schema_of(), "anyOf": [{"required": ["list"]}, {"required": ["any"]}]}


def _within(hit: Hit, other: Hit) -> bool:
    return other.start <= hit.start and hit.end <= other.end
