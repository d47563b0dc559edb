"""Templates filled in in the reader's language, and cleaning what others wrote."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailguard.locale import Language

_HERE = Path(__file__).parent / "templates"
_SUBJECT_LIMIT = 120


def clean(text: str, limit: int = 1000) -> str:
    """One line of what somebody else wrote: no controls, no direction overrides, not endless.

    An encoded subject may decode to CR LF, and U+202E turns `exe.fdp` around.
    """
    kept = "".join(c if c.isprintable() or c == " " else " " for c in text)
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


@cache
def _environment(markup: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=markup,  # noqa: S701 - off for text/plain alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def blocks(language: Language, name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Every block of the template `name`, filled in, as plain text of one paragraph a line."""
    template = _environment(markup=False).get_template(f"{name}.j2")
    context = template.new_context(_spoken(language, values))
    return {key: _paragraphs("".join(block(context))) for key, block in template.blocks.items()}


def page(language: Language, name: str, values: Mapping[str, Any]) -> str:
    """A whole layout, escaped when its name says HTML."""
    template = _environment(markup=name.endswith(".html")).get_template(name)
    return template.render(_spoken(language, values))


def title(subject: str) -> str:
    """A subject that fits into another subject."""
    return clean(subject, _SUBJECT_LIMIT)


def _spoken(language: Language, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "_": language.say, "ngettext": language.ngettext, "language": language.name}


def _paragraphs(text: str) -> str:
    return "\n".join(line for line in (" ".join(part.split()) for part in text.split("\n\n")) if line)
