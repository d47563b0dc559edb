"""Whoever is named in somebody's place is told, and told when it is over."""

import pytest

from mailguard.locale import NAMES
from mailguard.records import NewNotice, NoticeKind
from tests.unit.notices.alone import read

ROB, LEX = "rob@corp.example", "lex@corp.example"


def said(language: str, ended: str) -> tuple[str, str]:
    data = {"by": LEX, "from": "2026-11-23", "until": "2026-11-27", "ended": ended}
    return read(NewNotice(NoticeKind.DELEGATE, ROB, data=data), language)


@pytest.mark.parametrize("language", NAMES)
def test_it_says_for_whom_and_which_days(language: str) -> None:
    begun, text = said(language, "")
    over, more = said(language, "yes")
    assert begun != over
    for words in (begun, over, text, more):
        assert LEX in words
    for words in (begun, text, more):
        assert "2026-11-23" in words
        assert "2026-11-27" in words
