"""What a run over past mail adds up to."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from mailguard.records import Action, Hit, Mode
from mailguard.rules.backtest import Report, Ruling, Trial, ruling

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOLD, DELAY = Hit("h", Mode.ENFORCE, Action.HOLD, ""), Hit("d", Mode.ENFORCE, Action.DELAY, "")
AUDIT = Hit("a", Mode.AUDIT, Action.REJECT, "")
PASS = ruling([])


def trial(sender: str, new: Ruling, *, old: Ruling | None = None, days: float = 0, name: str = "Q") -> Trial:
    return Trial(name, sender, MONDAY + timedelta(days=days), old, new)


def report(*trials: Trial, zone: str = "UTC") -> Report:
    made = Report(ZoneInfo(zone))
    for one in trials:
        made.add(one)
    return made


def test_the_strictest_rule_that_acts_decides() -> None:
    found = ruling([DELAY, HOLD, AUDIT])
    assert (found.action, found.because) == (Action.HOLD, ("h",))
    assert ruling([DELAY, HOLD, AUDIT], without=["h"]).action is Action.DELAY
    assert (ruling([AUDIT]).action, ruling([AUDIT]).because) == (Action.PASS, ())


def test_holds_are_counted_by_person_and_day_and_quiet_days_count() -> None:
    held = ruling([HOLD])
    made = report(
        trial("ann", held),
        trial("ann", held),
        trial("ann", PASS, days=1),
        trial("bob", PASS),
        trial("bob", held, days=2),
    )
    assert (made.holds.total, made.holds.median, made.holds.worst) == (3, 0.5, 2)
    assert (made.holds.person, made.holds.day) == ("ann", date(2026, 3, 2))
    assert (made.mails, made.people, made.days) == (5, 2, 3)


def test_days_begin_where_the_organization_is() -> None:
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    made = report(Trial("Q", "ann", late, None, ruling([HOLD])), zone="Europe/Warsaw")
    assert made.holds.day == date(2026, 3, 3)


def test_whoever_is_told_counts_also_without_mail_of_their_own() -> None:
    made = report(trial("ann", ruling([HOLD], ["Ann@x.example", "boss@x.example"])), trial("bob", PASS))
    assert (made.notices.total, made.notices.worst, made.notices.person) == (2, 1, "ann@x.example")


def test_only_a_mail_that_was_decided_before_can_change() -> None:
    made = report(trial("ann", ruling([HOLD]), old=PASS, name="Q1"), trial("ann", PASS, old=PASS), trial("ann", PASS))
    assert [one.name for one in made.changed] == ["Q1"]
    assert made.compared
    assert not report(trial("ann", PASS)).compared


def test_the_loudest_rules_hold_most_then_delay_most_then_match_most() -> None:
    rules = [Hit(f"d{n:02}", Mode.ENFORCE, Action.DELAY, "") for n in range(12)]
    made = report(
        trial("ann", ruling([*rules, AUDIT])), trial("ann", ruling([rules[7], AUDIT])), trial("ann", ruling([HOLD]))
    )
    assert [one.rule for one in made.loudest][:3] == ["h", "d07", "d00"]
    assert len(made.loudest) == 10
    loud = report(trial("ann", ruling([AUDIT]))).loudest
    assert [(one.rule, one.fired, one.held, one.audit) for one in loud] == [("a", 1, 0, 1)]


def test_nothing_is_a_report_too() -> None:
    assert (report().mails, report().days, report().holds.total, list(report().loudest)) == (0, 0, 0, [])
