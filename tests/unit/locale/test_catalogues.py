"""Every sentence in every language, whole: nothing missing, nothing left over, the same gaps, nothing unmarked."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po
from jinja2 import Environment

from mailguard.locale import NAMES, SOURCE

ROOT = Path(__file__).parent.parent.parent.parent
PACKAGE = ROOT / "mailguard"
TRANSLATED = sorted(set(NAMES) - {SOURCE})
TEMPLATES = sorted(path for path in PACKAGE.glob("*/templates/*") if path.parts[-3] != "demo")
BRAND = "mailguard"


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> set[object]:
    """What `make language` finds, by its own command."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    told = re.search(r"^EXTRACT := \S+ (.*?)--output", makefile, re.MULTILINE | re.DOTALL)
    assert told
    target = tmp_path_factory.mktemp("language") / "mailguard.pot"
    words = shlex.split(told[1].replace("\\\n", " "))
    words[words.index("babel.cfg")] = str(ROOT / "babel.cfg")
    CommandLineInterface().run(["pybabel", *words, "--output", str(target), str(PACKAGE)])  # type: ignore[no-untyped-call]
    with target.open("rb") as file:
        return {message.id for message in read_po(file) if message.id}


def catalogue(language: str) -> Catalog:
    with (PACKAGE / "locale" / language / "LC_MESSAGES" / "mailguard.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated_and_none_is_left_over(language: str, sentences: set[object]) -> None:
    translated = {message.id: message for message in catalogue(language) if message.id}
    assert len(sentences) > 200
    assert sentences - set(translated) == set(), "run `make language` and translate what is new"
    assert set(translated) - sentences == set(), "run `make language`"
    assert [m.id for m in translated.values() if m.fuzzy] == []
    assert [m.id for m in translated.values() if not all(forms(m))] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_same_gaps(language: str) -> None:
    wrong = []
    for message in catalogue(language):
        source = message.id if isinstance(message.id, str) else message.id[-1]
        if message.id and any(gaps(form) != gaps(source) for form in forms(message)):
            wrong.append(message.id)
    assert wrong == []


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def gaps(sentence: str) -> list[str]:
    """All that `str.format` would see."""
    return sorted(re.findall(r"{[^}]*}?|}", sentence))


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_counts_as_its_language_does(language: str) -> None:
    kept = catalogue(language)
    assert {len(forms(message)) for message in kept if not isinstance(message.id, str)} == {kept.num_plurals}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_a_template_says_nothing_that_is_not_marked(path: Path) -> None:
    assert list(unmarked(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ('<p class="x">{{ _("Held") }} · {{ n }}</p>', []),
        ("<p>Held</p>", ["Held"]),
        ('<img alt="A picture">', ["A picture"]),
        ("{% if x %}Held{% endif %}", ["Held"]),
        ("<style>p { color: red }</style>", []),
        ("{{ 'a' if b else 'Held' }}", []),
    ],
)
def test_the_search_for_what_is_not_marked_finds_it(template: str, found: list[str]) -> None:
    assert list(unmarked(template)) == found


def unmarked(template: str) -> Iterator[str]:
    """Words for people outside of what is filled in."""
    tokens = Environment().lex(template)
    data = "".join(text if kind == "data" else "\0" for _, kind, text in tokens)
    data = re.sub(r"(?s)<style>.*?</style>|<!--.*?-->", "", data)
    said = re.findall(r'\b(?:alt|title|placeholder|aria-label)="([^"]*)"', data)
    said += re.split(r"(?s)<[^>]*>|\0", data)
    yield from (
        text.strip() for text in said if re.search(r"[^\W\d_]{2}", text.replace(BRAND, "").replace("&nbsp;", ""))
    )


def test_no_sentence_is_put_together_before_it_is_said() -> None:
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("say", "N_", "ngettext"):
                made = any(isinstance(part, ast.JoinedStr | ast.BinOp) for part in node.args)
                wrong += [f"{path.name}:{node.lineno}"] * (made and "cli" not in path.parts)
    assert wrong == []
