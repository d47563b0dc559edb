"""A server that hangs holds up nobody: not the start, not a reload, not the end."""

import asyncio
import io
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailguard.clock import SystemClock
from mailguard.directory import copy
from mailguard.directory.copy import Known
from mailguard.directory.keeper import Keeper, NothingKnown
from mailguard.directory.settings import LdapSettings
from mailguard.directory.words import NoAnswer
from mailguard.log import Log
from mailguard.metrics import Metrics
from mailguard.people import Directory, Found, Organization, People, Person
from mailguard.testing import MONDAY
from tests.unit.directory.test_openldap import listening

FOUND = Found(Directory((Person("ann@corp.example"),)))

NOBODY = People(Organization(domains=("corp.example",)))


@dataclass(frozen=True)
class Bound:
    found: Found
    people = NOBODY
    watched = frozenset[str]()


def keeper(path: Path, port: int) -> Keeper:
    settings = LdapSettings.model_validate({"url": f"ldap://127.0.0.1:{port}", "base": "dc=corp", "timeout": "1s"})
    return Keeper(settings, path / "copy", SystemClock(), Log(stream=io.StringIO()), Metrics())


def trickle(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Readings that never end, until the test lets them."""
    let_go = threading.Event()

    def ask(*_: object) -> None:
        let_go.wait(60)
        raise NoAnswer("let go")

    monkeypatch.setattr("mailguard.directory.keeper.ask", ask)
    return let_go


async def test_nobody_waits_longer_than_they_want_and_one_reading_goes_on_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go, threads = trickle(monkeypatch), threading.active_count()
    kept = keeper(tmp_path, 9)
    for _ in range(3):
        answer = await kept.ask(0.05)
        assert isinstance(answer, NoAnswer)
        assert "no whole answer within" in str(answer)
    assert threading.active_count() == threads + 1
    waiting = asyncio.ensure_future(kept.ask(10))
    await asyncio.sleep(0)
    let_go.set()
    assert str(await waiting) == "let go"


def test_a_start_goes_on_with_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = trickle(monkeypatch)
    kept = keeper(tmp_path, 9)
    monkeypatch.setattr(Keeper, "_patience", 0.05)
    copy.write(kept.path, Known(FOUND, MONDAY), kept.settings)
    began = time.monotonic()
    assert kept.open(Bound).found == FOUND
    assert time.monotonic() - began < 5
    let_go.set()


def test_a_silent_server_at_the_first_start_is_an_error_in_words(tmp_path: Path) -> None:
    with listening() as (port, _), pytest.raises(NothingKnown) as caught:
        keeper(tmp_path, port).open(Bound)
    (problem,) = caught.value.problems
    assert "does not answer" in str(problem)


async def test_what_breaks_inside_is_no_end_of_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mailguard.directory.keeper.ask", ask)
    answer = await keeper(tmp_path, 9).ask()
    assert isinstance(answer, NoAnswer)
    assert "ZeroDivisionError" in str(answer)
