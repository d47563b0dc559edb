"""A rule that breaks is one alert; a rule that is right, small numbers and mornings are none (decision 14)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle

from mailguard.intake.watch import AGAIN, PUT_OFF, WINDOW, RuleWatch, Suspicion
from mailguard.records import Hold, HoldKind, NewMail, NewNotice, NoticeKind
from mailguard.rules.rule import RuleSet
from mailguard.testing import MONDAY
from tests.store.making import mail
from tests.unit.rules import judge

ASK, WAIT = "ask", "wait"
PEOPLE = [f"p{number}@corp.example" for number in range(11)]


def rules(*names: str) -> RuleSet:
    lines = [f"  - {{id: {name}, when: {{always: true}}, then: [{{delay: 5m}}]}}" for name in names]
    return judge.rules("\n".join(["version: 1", "rules:", *lines, ""]))


@dataclass
class Office:
    """Mail comes in, ten a minute, and the watch sees it."""

    watch: RuleWatch
    live: RuleSet
    now: float = 0.0

    def mails(
        self, many: int, *, held: float = 0.0, rule: str = ASK, kind: HoldKind = HoldKind.RULE,
        senders: Sequence[str] = PEOPLE, pace: float = 6.0,
    ) -> list[Suspicion]:  # fmt: skip
        """So many mails, this share of them held by the rule; what was suspected."""
        found: list[Suspicion] = []
        due, everybody = 0.0, cycle(senders)
        for _ in range(many):
            self.now += pace
            due += held
            holds = (Hold(rule, "because", kind),) if due >= 0.999 else ()
            due -= bool(holds)
            found += self.watch.see(letter(next(everybody), *holds), self.live, self.now)
        return found

    def suspects(self) -> list[str]:
        return self.watch.suspects(self.now)


def letter(sender: str, *holds: Hold) -> NewMail:
    made = mail(sender=sender)
    notices = [NewNotice(kind, sender, "Q1") for kind in (NoticeKind.HELD, NoticeKind.APPROVAL, NoticeKind.NOTIFY)]
    return replace(made, verdict=replace(made.verdict, holds=holds), notices=tuple(notices))


def office(*names: str) -> Office:
    return Office(RuleWatch(), rules(*(names or (ASK, WAIT))))


def test_a_rule_that_fails_is_one_alert_however_long_it_goes_on() -> None:
    place = office()
    place.mails(100)
    found = place.mails(300, held=0.5, kind=HoldKind.ERROR)
    assert [one.rule for one in found] == [ASK]
    assert found[0].held >= found[0].mails * 0.2
    assert place.suspects() == [ASK]


def test_one_mail_in_many_transactions_is_one_mail() -> None:
    place = office()
    place.mails(300)
    found = place.mails(100, held=0.05)
    for number in range(40):
        fork = replace(letter(PEOPLE[number % 2], Hold(ASK, "because")), fork=b"mail %d" % (number % 2))
        found += place.watch.see(fork, place.live, place.now)
    assert found == []
    for number in range(40):
        other = replace(letter(PEOPLE[number % 11], Hold(ASK, "because")), fork=b"other %d" % number)
        found += place.watch.see(other, place.live, place.now)
    assert [one.rule for one in found] == [ASK]


def test_a_rule_that_fails_from_the_start_is_told_of_as_well() -> None:
    place = office()
    assert len(place.mails(30, held=1, kind=HoldKind.ERROR)) == 1


def test_mail_that_nobody_can_read_is_told_of_like_a_rule() -> None:
    place = office()
    place.mails(50)
    assert [one.rule for one in place.mails(100, held=0.5, rule="unreadable", kind=HoldKind.ERROR)] == ["unreadable"]


def test_a_rule_that_suddenly_matches_a_fifth_is_suspect() -> None:
    place = office()
    assert place.mails(500, held=0.02) == []
    assert [one.rule for one in place.mails(200, held=0.4)] == [ASK]


def test_a_new_rule_that_rightly_holds_is_not_suspect() -> None:
    place = office(WAIT)
    place.mails(500)
    place.live = rules(WAIT, ASK)
    assert place.mails(500, held=0.6) == []


def test_a_rule_that_always_held_much_does_nothing_sudden() -> None:
    place = office()
    assert place.mails(1000, held=0.3) == []


def test_few_mails_say_nothing() -> None:
    place = office()
    place.mails(300)
    assert place.mails(100, held=1.0, pace=60) == [], "ten mails in ten minutes"
    assert place.mails(100, held=1.0, kind=HoldKind.ERROR, pace=60) == []


def test_a_morning_of_few_mails_after_a_quiet_night_is_no_alarm() -> None:
    place = office()
    place.mails(1000, held=0.01)
    place.now += 12 * 3600
    assert place.mails(40, held=0.5, pace=15) == []


def test_one_sender_is_no_broken_rule() -> None:
    place = office()
    place.mails(300)
    assert place.mails(100, held=1.0, kind=HoldKind.ERROR, senders=PEOPLE[:2]) == []
    place.now += WINDOW
    place.mails(300)
    assert place.mails(100, held=1.0, senders=PEOPLE[:4]) == []


def test_it_ends_a_window_after_the_last_and_is_not_told_of_again_within_the_hour() -> None:
    place = office()
    place.mails(100)
    assert len(place.mails(60, held=0.5, kind=HoldKind.ERROR)) == 1
    place.mails(230)
    assert place.suspects() == []
    assert place.mails(60, held=0.5, kind=HoldKind.ERROR) == [], "told a while ago"
    assert place.suspects() == [ASK]
    place.now += AGAIN
    assert len(place.mails(60, held=0.5, kind=HoldKind.ERROR)) == 1


def test_other_rules_begin_anew() -> None:
    place = office()
    place.mails(60, held=0.5, kind=HoldKind.ERROR)
    assert place.suspects() == [ASK]
    place.live = rules(ASK)
    place.mails(1)
    assert place.suspects() == []
    assert len(place.mails(60, held=0.5, kind=HoldKind.ERROR)) == 1, "it was not mended"


def test_only_what_suspect_rules_alone_hold_asks_later() -> None:
    place = office()
    place.mails(60, held=0.5, kind=HoldKind.ERROR)
    broken, right = Hold(ASK, "failed", HoldKind.ERROR), Hold("confidential", "a word")
    patient = place.watch.patient(letter(PEOPLE[0], broken), place.now, MONDAY)
    assert [(n.kind, n.due_at) for n in patient.notices] == [
        (NoticeKind.HELD, MONDAY + PUT_OFF),
        (NoticeKind.APPROVAL, MONDAY + PUT_OFF),
        (NoticeKind.NOTIFY, None),
    ]
    assert patient.verdict.holds == (broken,), "it is held all the same"
    for mixed in (letter(PEOPLE[0], broken, right), letter(PEOPLE[0], right), letter(PEOPLE[0])):
        assert place.watch.patient(mixed, place.now, MONDAY) is mixed
    matched = letter(PEOPLE[0], Hold(ASK, "because"))
    assert place.watch.patient(matched, place.now, MONDAY) is matched, "the rule's own matches are not in doubt"


def test_mail_that_is_still_being_checked_is_counted_when_it_was() -> None:
    place = office()
    undecided = letter(PEOPLE[0], Hold("undecided", "", HoldKind.UNDECIDED))
    for _ in range(1000):
        assert place.watch.see(undecided, place.live, place.now) == []
    assert len(place.mails(30, held=1, kind=HoldKind.ERROR)) == 1, "they thin nothing out"
