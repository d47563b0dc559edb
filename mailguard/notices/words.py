"""Words in the reader's language: a folder of templates, plural forms, and cleaning what others wrote."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent / "templates"
_SUBJECT_LIMIT = 120


def clean(text: str, limit: int = 1000) -> str:
    """One line of what somebody else wrote: no controls, no direction overrides, not endless.

    An encoded subject may decode to CR LF, and U+202E turns `exe.fdp` around.
    """
    kept = "".join(c if c.isprintable() or c == " " else " " for c in text)
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def plural(language: str, count: int, *forms: str) -> str:
    """The form that goes with `count`: English (one, other), Polish (one, few, many)."""
    if count == 1:
        return forms[0]
    if language == "pl":
        few = count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14)
        return forms[1] if few else forms[2]
    return forms[1]


@cache
def _environment(language: str, markup: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_HERE / language, _HERE]),
        autoescape=markup,  # noqa: S701 - off for text/plain alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.globals["plural"] = lambda count, *forms: plural(language, count, *forms)
    return environment


@cache
def labels(language: str) -> Mapping[str, str]:
    """The short fixed words of the layout."""
    return tomllib.loads((_HERE / language / "labels.toml").read_text("utf-8"))


def blocks(language: str, name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Every block of the template `name`, filled in, as plain text of one paragraph a line."""
    template = _environment(language, markup=False).get_template(f"{name}.j2")
    context = template.new_context(dict(values))
    return {key: _paragraphs("".join(block(context))) for key, block in template.blocks.items()}


def page(language: str, name: str, values: Mapping[str, Any]) -> str:
    """A whole layout, escaped when its name says HTML."""
    template = _environment(language, markup=name.endswith(".html")).get_template(name)
    return template.render(values, label=labels(language))


def title(subject: str) -> str:
    """A subject that fits into another subject."""
    return clean(subject, _SUBJECT_LIMIT)


def _paragraphs(text: str) -> str:
    return "\n".join(line for line in (" ".join(part.split()) for part in text.split("\n\n")) if line)
