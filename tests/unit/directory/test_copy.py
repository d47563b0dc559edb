"""The copy comes back as it was, or is said to be of no use."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailguard.directory import copy
from mailguard.directory.copy import Known, Unusable
from mailguard.directory.settings import LdapSettings
from mailguard.document.problem import Problem
from mailguard.people import Assistant, Directory, Found, Person
from mailguard.testing import MONDAY

SETTINGS = LdapSettings.model_validate({"url": "ldaps://ldap.corp.example", "base": "dc=corp"})
PERSON = Person("żółw@corp.example", "Ż", ("a@corp.example",), assistant=Assistant("pa@corp.example"), title="Boss")
LISTS = {"l@corp.example": ("b@corp.example",)}
FOUND = Found(
    Directory((PERSON, Person("b@corp.example", manager="c@corp.example")), {"g": ("b@corp.example",)}, LISTS),
    SETTINGS.url,
    {"b@corp.example": "cn=b"},
    (Problem("MG501", "warning", SETTINGS.url, 0, 0, 0, "bad", "do", "", "cn=x"),),
)
KNOWN = Known(FOUND, MONDAY)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "mail.db.directory"
    path.with_name("mail.db.directory.new").write_text("left by a crash")
    copy.write(path, KNOWN, SETTINGS)
    assert copy.read(path, SETTINGS) == KNOWN
    copy.write(path, replace(KNOWN, asked_at=MONDAY + timedelta(hours=1)), SETTINGS)
    read = copy.read(path, SETTINGS)
    assert read is not None
    assert read.asked_at == MONDAY + timedelta(hours=1)
    assert [one.name for one in tmp_path.iterdir()] == ["mail.db.directory"]


def test_none_is_none(tmp_path: Path) -> None:
    assert copy.read(tmp_path / "no", SETTINGS) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"format": 2}', "\udcff", "[" * 10_000, '{"format": 1, "question": 3}']
)
def test_what_is_no_copy_of_ours_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "copy").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Unusable):
        copy.read(tmp_path / "copy", SETTINGS)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    copy.write(path, KNOWN, SETTINGS)
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(Unusable):
            copy.read(path, SETTINGS)


def test_another_question_has_another_answer(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    copy.write(path, KNOWN, SETTINGS)
    same = {"url": "ldap://other.corp.example", "bind": "cn=x", "password": "y", "starttls": True, "every": "2h"}
    assert copy.read(path, LdapSettings.model_validate({"base": "dc=corp", **same})) == KNOWN
    with pytest.raises(Unusable, match="another question"):
        copy.read(path, SETTINGS.model_copy(update={"filter": "(cn=*)"}))
