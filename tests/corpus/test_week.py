"""A normal week must not be noisy, and what must be noticed is: the shipped policy, played over the whole corpus."""

import asyncio
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mailguard.mail.message import Message
from mailguard.records import Mode
from tests.corpus import mails
from tests.corpus.table import lines, notices, summary
from tests.corpus.week import POLICY, Played, play

PAGE = Path(__file__).parents[2] / "docs" / "default-policy.md"
ENFORCED = {rule.id for rule in POLICY.rules if rule.mode is Mode.ENFORCE}


@cache
def played() -> tuple[Played, ...]:
    with TemporaryDirectory() as folder:
        return tuple(asyncio.run(play([*mails.ordinary(), *mails.slips()], Path(folder))))


def week() -> list[Played]:
    return [one for one in played() if not one.mail.caught]


def slips() -> list[Played]:
    return [one for one in played() if one.mail.caught]


def test_the_week_is_large_and_varied() -> None:
    found = mails.ordinary()
    assert len(found) >= 240
    assert len({mail.raw.partition(b"\r\n\r\n")[2] for mail in found}) == len(found)
    assert len({mail.sender for mail in found}) >= 20
    assert sum(len(mail.raw) for mail in found + mails.slips()) < 3_000_000
    read = [mail.message for mail in found]
    assert sum(bool(message.references) for message in read) >= 60
    assert sum("multipart/alternative" in _types(message) for message in read) >= 60
    assert {"text/calendar", "application/pdf", "message/delivery-status", "image/png"} <= set().union(
        *map(_types, read)
    )


def test_at_most_two_in_a_hundred_ordinary_mails_are_held_and_none_of_a_program() -> None:
    held = [one for one in week() if one.held]
    assert len(held) <= len(week()) * 0.02, [(one.mail.name, one.rules) for one in held]
    assert [one.mail.name for one in held if one.decided.automatic] == []


def test_one_hold_in_two_hundred_mails_is_what_the_policy_aims_at() -> None:
    assert sum(one.held for one in week()) <= len(week()) / 200


def test_a_usual_day_brings_a_person_one_notice_at_most() -> None:
    assert summary(week())["notices per person and day, median"] <= 1
    assert max(notices(week()).values()) <= 5


def test_programs_answers_and_reports_are_known_as_automatic() -> None:
    programs = ("scan-", "erp-", "mon-", "news-", "crm-", "shop-", "ooo-", "dsn-", "mdn-")
    for one in week():
        assert one.decided.automatic is one.mail.name.startswith(programs), one.mail.name
        if one.decided.automatic:
            assert not one.verdict.waits, one.mail.name


@pytest.mark.parametrize("slip", mails.slips(), ids=lambda slip: slip.name)
def test_each_slip_is_noticed(slip: mails.Mail) -> None:
    (one,) = (one for one in slips() if one.mail == slip)
    assert set(slip.caught) <= set(one.rules)
    if ENFORCED & set(slip.caught):
        assert one.held or one.told


def test_most_slips_are_stopped_and_the_others_are_recorded() -> None:
    assert len(slips()) >= 30
    assert sum(one.held or one.told for one in slips()) >= 28
    named = {rule for one in slips() for rule in one.mail.caught}
    quiet = {"external-delay", "executive-assistant", "dropped-comes-back", "confidential-in-files", "disguised-file"}
    assert {rule.id for rule in POLICY.rules} - named - quiet == set()


def test_the_page_shows_these_numbers() -> None:
    assert "\n".join(lines(week(), slips())) in PAGE.read_text("utf-8")


def _types(message: Message) -> Iterator[str]:
    for part in message.parts():
        yield part.content_type
        yield from part.containers
