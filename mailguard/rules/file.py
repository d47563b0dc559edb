"""A rule file's top level and the head of a rule, as they are written. Conditions and actions have their own types."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mailguard.document.model import BadValue
from mailguard.document.units import Duration, Section
from mailguard.records import Mode
from mailguard.rules.actions import Several
from mailguard.rules.rule import OnError

VERSION = 1
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:_[A-Za-z]{2,4})?")
_LONGEST = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise BadValue(f'"{value}" can\'t be a name here', "letters, digits, dot, dash, underscore; at most 64")
    return value


def _worded(value: object) -> object:
    """One sentence, or one for each of several languages."""
    texts = list(value.items()) if isinstance(value, dict) else [((), value)]
    if not texts:
        raise BadValue("no language, so no words", "write {en: …, pl: …}, or one sentence", code="MG203")
    for language, text in texts:
        at = (language,) if language else ()
        if at and not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
            raise BadValue(f'"{language}" is no language', "write its short name: en, pl, de", at=at, key=True)
        if not isinstance(text, str) or (at and not text.strip()):
            raise BadValue("explain is a sentence, or one for each language", "write {en: …, pl: …}", at=at)
        if len(text) > _LONGEST:
            raise BadValue(f"explain has at most {_LONGEST} letters", "say it in a sentence or two", at=at)
    return value


def _budget(value: timedelta) -> timedelta:
    if not timedelta(milliseconds=1) <= value <= timedelta(minutes=5):
        raise BadValue("a rule's budget is at least 1ms and at most 5m", code="MG107")
    return value


Budget = Annotated[Duration, AfterValidator(_budget)]
Name = Annotated[str, AfterValidator(_name)]
_Words = Annotated[str, Field(max_length=_LONGEST)] | dict[str, Annotated[str, Field(max_length=_LONGEST)]]


class RuleFile(Section):
    """A file of rules."""

    version: int = Field(VERSION, ge=1)
    """The version of this notation."""
    lists: dict[Name, Any] = Field(default_factory=dict)
    """Words or addresses under a name, for all files: [a, b], or {lexicon: [NAME], words: [a, b], file: words.txt}."""
    rules: list[Any] = Field(default_factory=list)
    """The rules; all are asked, the strictest that matches wins."""


class Pilot(Section):
    """For whom a rule acts already; for everybody else it is in audit."""

    groups: Several = Field(min_length=1, examples=[["it"]])
    """Groups of people.yaml or the directory; who sends the mail must be in one of them."""


class Head(Section):
    """A rule."""

    id: Name = Field(examples=["external-delay"])
    """Its name in logs, replies and pages: letters, digits, dot, dash, underscore; once in all files."""
    description: str = ""
    """What it is for, in a sentence."""
    severity: Literal["normal", "high"] = "normal"
    """high: asks for a code with the link, and a delay is always told."""
    mode: Mode = Mode.ENFORCE
    """enforce: acts. audit: is only recorded. off: is not asked."""
    enforce: Pilot | None = None
    """It acts for senders in these groups only, and is in audit for all others: {groups: [it]}."""
    stop: bool = False
    """Later rules that only delay or tell are passed over when this one matches; holds and rejects never are."""
    on_error: OnError = OnError.HOLD
    """What becomes of a mail this rule cannot judge: hold, delay, pass."""
    budget: Budget | None = Field(None, examples=["200ms"])
    """How long it may take, and wait for what it asks for; what is late then counts as on_error says."""
    when: Any = None
    """Conditions, all of which must be true."""
    unless: Any = None
    """Conditions, all of which together are the exception."""
    then: Any = None
    """A list of actions."""
    explain: Annotated[str | dict[str, str], BeforeValidator(_worded, json_schema_input_type=_Words)] = Field(
        "", examples=["Goes to {recipients}"]
    )
    """The sentence people read when it matches; fields in braces are filled in. Or one a language: {en: …, pl: …}."""
