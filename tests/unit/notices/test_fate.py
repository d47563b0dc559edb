"""One mail, one truth: what is said of it follows from its copies and holds alone."""

from dataclasses import replace

import pytest

from mailguard.notices.fate import Stage, fate, whys
from mailguard.notices.words import clean
from mailguard.records import HoldKind, Mode, OnExpiry, State
from tests.unit.notices.factory import MINUTE, NOW, delivery, hit, hold, mail

Q, H, S, T, F, C = State.QUEUED, State.HELD, State.SENDING, State.SENT, State.FAILED, State.CANCELLED


@pytest.mark.parametrize(
    ("states", "stage"),
    [
        ([H], Stage.HELD),
        ([H, Q, T], Stage.HELD),
        ([H, S], Stage.HELD),
        ([Q], Stage.LEAVES),
        ([Q, T, C], Stage.LEAVES),
        ([S, T], Stage.LEAVING),
        ([T, T], Stage.LEFT),
        ([T, C], Stage.LEFT),
        ([T, F], Stage.FAILED),
        ([C, C], Stage.CANCELLED),
        ([], Stage.CANCELLED),
    ],
)
def test_the_least_finished_copy_is_told(states: list[State], stage: Stage) -> None:
    copies = [delivery(f"r{n}@c.example", state) for n, state in enumerate(states)]
    assert fate(mail(), copies).stage is stage


def test_a_copy_that_was_tried_is_retried_not_waiting() -> None:
    tried = delivery("b@c.example", Q, attempts=2)
    assert fate(mail(tried)).stage is Stage.RETRYING
    assert fate(mail(tried, delivery("c@c.example", Q))).stage is Stage.LEAVES


def test_the_first_to_leave_and_the_last_to_have_left_are_named() -> None:
    later = delivery("a@c.example", Q, due_at=NOW + 9 * MINUTE)
    assert fate(mail(later, delivery("b@c.example", Q))).at == NOW + 5 * MINUTE
    left = [delivery(f"{n}@c.example", T, ended_at=NOW + n * MINUTE) for n in (1, 3, 2)]
    assert fate(mail(*left)).at == NOW + 3 * MINUTE


def test_the_earliest_expiry_acts_and_the_safer_outcome() -> None:
    boldest = replace(hold(), on_expiry=OnExpiry.SEND, expires_at=NOW + MINUTE)
    safest = replace(hold(), on_expiry=OnExpiry.DISCARD)
    now = fate(mail(holds=(boldest, safest, replace(hold(), expires_at=None, on_expiry=OnExpiry.SEND))))
    assert (now.expires_at, now.on_expiry) == (NOW + MINUTE, OnExpiry.DISCARD)


def test_resolved_holds_neither_expire_nor_wait_for_anybody() -> None:
    answered = replace(hold(), approvers=("lex@c.example",), resolved_at=NOW)
    now = fate(mail(holds=(answered,)))
    assert (now.expires_at, now.approvers) == (None, ())


def test_who_has_approved_is_not_waited_for() -> None:
    asked = replace(hold(), approvers=("a@c.example", "b@c.example"), approved_by=("a@c.example",))
    assert fate(mail(holds=(asked,))).approvers == ("b@c.example",)


def test_audit_rules_are_no_reason() -> None:
    audited = replace(hit("tone"), mode=Mode.AUDIT)
    assert [why.rule for why in whys(mail(hits=(hit(), audited)), quote=True)] == ["unexpected-cc"]


def test_without_quoting_only_what_people_did_is_said() -> None:
    stopped = replace(hold("stopped"), kind=HoldKind.STOPPED, reason="Stopped by pa@c.example")
    damaged = replace(hold("digest"), kind=HoldKind.DAMAGED)
    about = mail(holds=(hold(), stopped, damaged))
    assert [why.rule for why in whys(about, quote=False)] == ["stopped"]
    assert [why.rule for why in whys(about, quote=True)] == ["unexpected-cc", "stopped", "digest"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\r\nb", "a b"),
        ("a\x00b", "a b"),
        ("fdp\u202eexe", "fdp exe"),
        ("\ud800x", "x"),
        ("  a  ", "a"),
        ("ż ł", "ż ł"),
    ],
)
def test_what_others_wrote_becomes_one_harmless_line(written: str, kept: str) -> None:
    assert clean(written) == kept
