"""The action `disclaimer` as it is written; the words may stand in files of their own."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from mailguard.document import source
from mailguard.document.model import BadValue
from mailguard.document.problem import Problem
from mailguard.document.units import Section
from mailguard.errors import ConfigError
from mailguard.mail import disclaimer
from mailguard.mail.disclaimer import Disclaimer as Words
from mailguard.rules.action import ActionSpec
from mailguard.rules.binder import Binder
from mailguard.rules.codes import Code

_MOST = 10_000  # characters
_LONGEST_LINE = 800  # octets, as HTML is written with character references


def _legible(value: str) -> str:
    if not value.strip() or any(not letter.isprintable() and letter not in "\r\n\t" for letter in value):
        raise BadValue("a disclaimer is text without control characters, and not empty", "write it as plain text")
    if len(value) > _MOST:
        raise BadValue(
            f"a disclaimer is at most {_MOST} characters long", "link to a page that says more", code="MG107"
        )
    return value


class TextFile(Section):
    """Words that stand in a file of their own."""

    file: str = Field(min_length=1)
    """Its path beside the rule file; UTF-8."""


def _said(value: object) -> object:
    return _legible(value) if isinstance(value, str) else value


Said = Annotated[str | TextFile, BeforeValidator(_said, json_schema_input_type=str | TextFile)]


class Disclaimer(ActionSpec):
    """A text of the firm is put into the mail's body, below it or above it."""

    called = "disclaimer"
    examples = ("Corp Example Ltd, Warsaw", {"text": "Corp Example Ltd, Warsaw", "at": "start"})
    text: Said = Field(examples=["Corp Example Ltd, registered in Warsaw"])
    """The words, or {file: F}."""
    html: Said | None = None
    """The same for the HTML of a mail, or {file: F}; made of the text when left out."""
    at: Literal["end", "start"] = "end"
    """end: below everything, also what is quoted. start: above everything."""
    once: bool = True
    """true: not where the mail has these words already, also in what it quotes."""
    edit_signed: bool = False
    """true: also where that breaks a DKIM signature."""
    _words: Words = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"text": value} if isinstance(value, str) else value

    def bind(self, binder: Binder) -> None:
        text = _read(self.text, binder.below("text"))
        html = disclaimer.as_html(text) if self.html is None else _read(self.html, binder.below("html"))
        longest = max(map(len, html.encode("ascii", "xmlcharrefreplace").splitlines()), default=0)
        if longest > _LONGEST_LINE:
            place = ("html",) if self.html is not None else ("text",)
            message = f"a line of it is {longest} octets long as HTML, and {_LONGEST_LINE} are the most"
            binder.wrong(place, Code.TEXT, message, "break the line")
        self._words = Words(text, html, self.at)

    @property
    def words(self) -> Words:
        return self._words


def _read(said: str | TextFile, binder: Binder) -> str:
    if isinstance(said, str):
        return said
    path = Path(binder.document.path).parent / said.file
    try:
        text = _legible(source.read(path).text)
    except ConfigError as error:
        found = [problem for problem in error.problems if isinstance(problem, Problem)]
        binder.problems.extend(problem for problem in found if problem.line)
        for problem in found:
            if not problem.line:  # it is the path that is wrong
                binder.wrong(("file",), Code.TEXT, f"{path}: {problem.message}", problem.help)
    except BadValue as error:
        binder.wrong(("file",), Code.TEXT, f"{path}: {error}", error.help)
    else:
        binder.names.texts[str(path)] = text
        return text
    return ""
