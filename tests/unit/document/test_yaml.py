"""YAML as these files mean it, and every way in which a file can be no such YAML."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.document import yaml
from mailguard.document.problem import Problem, render
from mailguard.errors import ConfigError


def read(text: str) -> Any:
    return yaml.parse(text, "f.yaml").data


def fault(text: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        yaml.parse(text, "f.yaml")
    (problem,) = caught.value.problems
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("17:30", "17:30"),
        ("2027-01-31", "2027-01-31"),
        ("2027-01-31T10:00:00Z", "2027-01-31T10:00:00Z"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("1.2.3.4", "1.2.3.4"),
        ("5m", "5m"),
        ('"12"', "12"),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("n", "n"),
        ("=", "="),
        ("9" * 101, "9" * 101),
    ],
)
def test_scalars_are_yaml_1_2_core(written: str, meant: object) -> None:
    value = read(f"a: {written}\n")["a"]
    assert value == meant
    assert type(value) is type(meant)


def test_keys_are_always_text() -> None:
    assert read("1: a\ntrue: b\n17:30: c\n") == {"1": "a", "true": "b", "17:30": "c"}


def test_aliases_stand_for_what_they_name() -> None:
    assert read("a: &people [ann, ben]\nb: *people\n")["b"] == ["ann", "ben"]


def test_a_leading_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    document = yaml.read(file)
    assert document.data == {"a": 1, "b": 2}
    assert document.mark(("b",)) == (2, 4, 1)


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "MG108", (3, 1), '"a" is given in line 1 already, and again in line 3'),
        ("", "MG110", (1, 1), "nothing in the file"),
        ("# only a comment\n", "MG110", (1, 1), "nothing in the file"),
        ("---\n", "MG110", (1, 1), "nothing in the file"),
        ("- a\n", "MG112", (1, 1), "found a list"),
        ("just words\n", "MG112", (1, 1), "found a single value"),
        ("a: 1\n---\nb: 2\n", "MG111", (2, 1), "a second document"),
        ("a:\n\tb: 1\n", "MG102", (2, 1), "a tab can't indent YAML"),
        ("a: 1\n\tb: 2\n", "MG102", (2, 1), "a tab can't indent YAML"),
        ("a: x: y\n", "MG102", (1, 5), 'a ":" where no key can be'),
        ("a: [1, 2\nb: 3\n", "MG102", (1, 4), 'opened with "["'),
        ("a: {b: 1\nc: 3\n", "MG102", (1, 4), 'opened with "{"'),
        ("a: 'x\nb: 3\n", "MG102", (1, 4), "never closed"),
        ('a: "\\d"\n', "MG102", (1, 5), "backslash"),
        ("a: @x\n", "MG102", (1, 4), '"@" can\'t start a value'),
        ("a: [*@corp.example]\n", "MG102", (1, 5), '"*" starts an alias'),
        ("a: *x\n", "MG102", (1, 4), '"*x" refers to nothing'),
        ("a: &x [*x]\n", "MG113", (1, 8), "contains itself"),
        ("a: !!python/name:os.system x\n", "MG114", (1, 4), "tags are not used here"),
        ("a: !secret x\n", "MG114", (1, 4), "tags are not used here"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "MG114", (2, 5), "merge keys"),
        ("{a: b}: c\n", "MG114", (1, 1), "a key must be a word"),
        ("x: &k a\n*k : b\n", "MG114", (2, 1), "an alias can't be a key"),
        ("a: x\0y\n", "MG109", (1, 5), "(NUL)"),
        ("a: x\ufeffy\n", "MG109", (1, 5), "(U+FEFF)"),
        ('a: "x\\0y"\n', "MG109", (1, 4), "(U+0000)"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", "MG113", (1, 53), "nested deeper than 50"),
    ],
)
def test_what_is_not_ours_is_told_with_its_place(text: str, code: str, place: tuple[int, int], words: str) -> None:
    problem = fault(text)
    assert (problem.code, problem.line, problem.column) == (code, *place)
    assert words in problem.message
    assert problem.help


@pytest.mark.timeout(20)  # a quadratic step would take minutes
def test_brackets_without_end_are_refused_quickly() -> None:
    assert fault("a: " + "[" * 1_000_000).code == "MG113"


@pytest.mark.timeout(20)  # a quadratic step would take minutes
def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert fault("\n".join(lines)).code == "MG113"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("a: ą\n".encode("utf-16"), "saved as UTF-16"),
        ("a: ą\n".encode("utf-16-be"), "saved as UTF-16"),
        (b"\xff\xfe\0\0" + "a: ą\n".encode("utf-32-le"), "saved as UTF-32"),
        ("ok: 1\na: mał\n".encode("iso-8859-2"), "not UTF-8: byte 0xb3"),
    ],
)
def test_another_encoding_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=words) as caught:
        yaml.read(file)
    assert "UTF-8" in render(p for p in caught.value.problems if isinstance(p, Problem)).split("help: ")[1]


def test_the_place_of_a_wrong_byte_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes("ok: 1\na: mał\n".encode("iso-8859-2"))
    with pytest.raises(ConfigError) as caught:
        yaml.read(file)
    problem = caught.value.problems[0]
    assert isinstance(problem, Problem)
    assert (problem.line, problem.column, problem.source) == (2, 6, "a: ma\N{REPLACEMENT CHARACTER}")


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * ((1 << 20) + 1))
    for path, words in [
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "this is a folder"),
        (pipe, "a device or pipe"),
        (large, "larger than 1 MiB"),
        (large / "below", "cannot be read: not a directory"),
        (tmp_path / "a\0b", "can't be written like this"),
    ]:
        with pytest.raises(ConfigError, match=words) as caught:
            yaml.read(path)
        assert [problem.code for problem in caught.value.problems if isinstance(problem, Problem)] == ["MG101"]


def test_every_value_and_key_has_its_place() -> None:
    document = yaml.parse("a:\n  b: [x, {c: long}]\n  d: 'q'\n", "f.yaml")
    assert document.mark(("a", "b", 0)) == (2, 7, 1)
    assert document.mark(("a", "b", 1, "c")) == (2, 14, 4)
    assert document.mark(("a", "d")) == (3, 6, 3)
    assert document.mark(("a", "d"), key=True) == (3, 3, 1)
    assert document.mark(("a",)) == (1, 1, 1)


def test_a_missing_key_is_shown_where_it_should_have_been() -> None:
    document = yaml.parse("x: 1\nsmtp:\n  b: [{c: 1}]\n", "f.yaml")
    assert document.mark(("smtp", "hostname")) == (2, 1, 4)
    assert document.mark(("smtp", "b", 0, "bind")) == (3, 7, 6)
    assert document.mark(("web", "url")) == (1, 1, 1)


def test_a_part_keeps_its_places_in_the_file() -> None:
    part = yaml.parse("people:\n  version: 1\n  people: []\n", "f.yaml").part(("people",))
    assert part.data == {"version": 1, "people": []}
    assert part.mark(("people",)) == (3, 3, 6)


@pytest.mark.parametrize(
    "line",
    [
        "hop: {username: u, password: hunter2, tls: none}",
        'password: "hunter2 x"',
        "lock: {provider: google, secret: hunter2, tenants: []}",
        "old_secret: 'hunter2 x'",
        "hop: {return_secret: hunter2}",
        "oauth: {client_secret: hunter2, scope: x}",
        "refresh_token: hunter2.hunter2",
        "stamp: {key: hunter2hunter2, old_key: hunter2/hunter2+hunter2=}",
        "users: [{name: ann, password: $argon2id$v=19$hunter2}]",
        "store: postgresql://me:hunter2@db/mail",
    ],
)
def test_secrets_are_masked_and_columns_kept(line: str) -> None:
    document = yaml.parse(line + "\n", "f.yaml")
    problem = document.problem((), "MG103", "odd")
    assert "hunter2" not in problem.source
    assert len(problem.source) == len(line)
    assert problem.source.startswith(line.split(":", maxsplit=1)[0])


@pytest.mark.parametrize(
    "line", ["secret: {kind: [token], in: [body]}", "tls: {certificate: a.crt, key: /etc/tls.key}"]
)
def test_what_is_no_secret_is_shown(line: str) -> None:
    assert yaml.parse(line + "\n", "f.yaml").problem((), "MG103", "odd").source == line


@given(st.text(alphabet=st.sampled_from("ab:-[]{}'\"|>&*!#%@\n\t ,?\\0é\u2028~<"), max_size=60))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    try:
        document = yaml.parse(text, "f.yaml")
    except ConfigError as error:
        (problem,) = error.problems
        assert isinstance(problem, Problem)
        assert problem.line >= 1
        assert problem.column >= 1
        assert render([problem])
    else:
        assert isinstance(document.data, dict)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(data)
    with contextlib.suppress(ConfigError):
        assert isinstance(yaml.read(file).data, dict)
