"""A rule file's top level and the head of a rule, as they are written. Conditions and actions have their own types."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from mailguard.document.model import BadValue
from mailguard.document.units import Section
from mailguard.records import Mode
from mailguard.rules.rule import OnError

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise BadValue(f'"{value}" can\'t be a name here', "letters, digits, dot, dash, underscore; at most 64")
    return value


Name = Annotated[str, AfterValidator(_name)]


class RuleFile(Section):
    """A file of rules."""

    version: int = Field(VERSION, ge=1)
    """The version of this notation."""
    lists: dict[Name, Any] = Field(default_factory=dict)
    """Words or addresses under a name, for all files: [a, b], or {lexicon: [NAME], words: [a, b]}."""
    rules: list[Any] = Field(default_factory=list)
    """The rules; all are asked, the strictest that matches wins."""


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
    stop: bool = False
    """Later rules that only delay or tell are passed over when this one matches; holds and rejects never are."""
    on_error: OnError = OnError.HOLD
    """What becomes of a mail this rule cannot judge: hold, delay, pass."""
    when: Any = None
    """Conditions, all of which must be true."""
    unless: Any = None
    """Conditions, all of which together are the exception."""
    then: Any = None
    """A list of actions."""
    explain: str = Field("", max_length=1000)
    """The sentence people read when it matches; fields in braces are filled in."""
