"""Each rule in numbers: what it matched and held, and what people made of it."""

from dataclasses import replace
from datetime import timedelta

from mailguard.records import Action, Fate, Hit, Mode, RuleTally, Verdict
from mailguard.store.base import Store
from tests.store.making import ADMIN, ANN, NOW, carry, claim, hold, later, mail, settle

R = "confidential-outside"
ENFORCED = Hit(R, Mode.ENFORCE, Action.HOLD, "a word")


async def put(store: Store, queue_id: str, *hits: Hit, held: bool = True, minutes: float = 0, **more: object) -> None:
    holds = [hold(hit.rule, expires_at=later(60)) for hit in hits if hit.mode is Mode.ENFORCE] if held else []
    made = mail(queue_id, holds=holds, received_at=later(minutes), **more)  # type: ignore[arg-type]
    await store.put(replace(made, verdict=replace(made.verdict, hits=hits)), later(minutes))


async def only(store: Store) -> RuleTally:
    (one,) = await store.tallies(NOW)
    return one


async def test_each_answer_is_told_from_the_others(store: Store) -> None:
    for name in ("cancelled", "edited", "unchanged", "unanswered", "open"):
        await put(store, name, ENFORCED, subject=name)
    await put(store, "dropped", ENFORCED, to=["a@x.example", "b@x.example"])
    await store.cancel("cancelled", by=ANN, now=later(2))
    await store.cancel("edited", by=ANN, now=later(4))
    await put(store, "again", minutes=5, subject="edited")
    await store.drop("dropped", ["a@x.example"], by=ANN, now=later(6), edit_headers=False)
    await store.send_now("dropped", by=ANN, now=later(7))
    await store.send_now("unchanged", by=ANN, now=later(8))
    await put(store, "open2", ENFORCED, minutes=30, subject="open")
    await store.extend("open2", by=ADMIN, until=later(600), now=later(31))
    await store.extend("open", by=ADMIN, until=later(600), now=later(31))
    await store.expire(later(90))
    one = await only(store)
    assert dict(one.fates) == {
        Fate.CANCELLED: 1, Fate.EDITED: 1, Fate.DROPPED: 1, Fate.UNCHANGED: 1, Fate.UNANSWERED: 1, Fate.OPEN: 2
    }  # fmt: skip
    assert (one.rule, one.matched, one.held, one.right, one.answered) == (R, 7, 7, 3, 4)
    assert one.answered_in == timedelta(minutes=5)  # of 2, 4, 6 and 8
    assert one.mostly == ("ann@corp.example", 1)


async def test_a_mail_sent_again_a_day_later_or_of_another_subject_is_none_that_was_edited(store: Store) -> None:
    await put(store, "Q1", ENFORCED)
    await store.cancel("Q1", by=ANN, now=later(1))
    await put(store, "Q2", minutes=2, subject="Another")
    await put(store, "Q3", minutes=25 * 60)
    assert dict((await only(store)).fates) == {Fate.CANCELLED: 1}


async def test_dropping_everybody_is_cancelling(store: Store) -> None:
    await put(store, "Q1", ENFORCED)
    await store.drop("Q1", ["bob@client.example"], by=ANN, now=later(1), edit_headers=False)
    assert dict((await only(store)).fates) == {Fate.CANCELLED: 1}


async def test_an_approval_is_an_answer_and_giving_a_mail_up_is_none(store: Store) -> None:
    for name in ("approved", "bounced"):
        made = mail(name, holds=[hold(R, approvers=("boss@corp.example",))])
        await store.put(replace(made, verdict=replace(made.verdict, hits=(ENFORCED,))), NOW)
    await store.approve("approved", by=ADMIN, person="boss@corp.example", now=later(1))
    found = await store.get("bounced")
    assert found is not None
    await store.bounce("bounced", [d.id for d in found.deliveries], reply="gone", by=ADMIN, now=later(1))
    assert dict((await only(store)).fates) == {Fate.UNCHANGED: 1, Fate.UNANSWERED: 1}


async def test_every_rule_that_held_a_mail_has_its_answer(store: Store) -> None:
    other = replace(ENFORCED, rule="other")
    await put(store, "Q1", ENFORCED, other)
    await store.cancel("Q1", by=ANN, now=later(1))
    assert [(one.rule, one.held, one.right) for one in await store.tallies(NOW)] == [(R, 1, 1), ("other", 1, 1)]


async def test_audit_and_delays_are_counted_apart(store: Store) -> None:
    waits = replace(ENFORCED, action=Action.DELAY)
    audit = replace(ENFORCED, mode=Mode.AUDIT)
    await put(store, "Q1", waits, held=False, delay=5)
    await put(store, "Q2", waits, held=False, delay=5)
    await put(store, "Q3", audit, held=False)
    await put(store, "Q4", replace(audit, action=Action.DELAY), held=False)
    await store.cancel("Q2", by=ANN, now=later(1))
    await carry(store, later(6))
    one = await only(store)
    assert (one.matched, one.held, one.delayed, one.taken_back, one.audit, one.would_hold) == (2, 0, 2, 1, 2, 1)
    assert (one.answered, one.answered_in) == (0, None)


async def test_what_rules_and_time_do_is_nobodys_answer(store: Store) -> None:
    made = mail("Q1", holds=[hold(R, expires_at=later(60))])
    await store.put(replace(made, verdict=replace(made.verdict, hits=(ENFORCED,))), NOW)
    await store.expire(later(61))
    assert dict((await only(store)).fates) == {Fate.UNANSWERED: 1}


async def test_only_mail_of_the_time_asked_for_counts(store: Store) -> None:
    await put(store, "Q1", ENFORCED)
    await put(store, "Q2", ENFORCED, minutes=10)
    assert [one.held for one in await store.tallies(later(5))] == [1]
    assert await store.tallies(later(11)) == []


async def test_reports_and_mail_that_no_rule_matched_are_no_ones(store: Store) -> None:
    await store.put(mail("Q1", verdict=Verdict(Action.PASS)), NOW)
    (one,) = await claim(store)
    await settle(store, one)
    assert await store.tallies(NOW) == []


async def test_those_who_say_that_a_rule_was_wrong_are_counted(store: Store) -> None:
    await put(store, "Q1", ENFORCED)
    for person in ("ann@corp.example", "lex@corp.example"):
        await store.note("Q1", "rule.reported", by=ANN, now=later(1), data={"rule": R, "person": person})
    assert (await only(store)).reported == 2


async def test_moving_somebody_to_bcc_is_a_change_as_well(store: Store) -> None:
    await put(store, "Q1", ENFORCED)
    await store.hide("Q1", ["bob@client.example"], by=ANN, now=later(1), edits=[])
    await store.send_now("Q1", by=ANN, now=later(2))
    assert dict((await only(store)).fates) == {Fate.DROPPED: 1}
