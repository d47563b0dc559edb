"""What people do to a mail that waits: one winner, and the losers are told the truth."""

from dataclasses import replace
from datetime import datetime

import pytest

from mailguard.errors import MailChanged
from mailguard.locale import Language, saying
from mailguard.mail.headers import AddCc, Drop, Hide
from mailguard.records import (
    Action,
    Actor,
    Decision,
    Ending,
    Hit,
    HoldKind,
    Mail,
    Mode,
    NewNotice,
    NoticeKind,
    Power,
    State,
)
from mailguard.store.base import Filter, Store
from tests.store.making import (
    ADMIN,
    ANN,
    LEASE,
    NO,
    NOW,
    carry,
    claim,
    deferred,
    hold,
    kinds,
    later,
    mail,
    settle,
    state,
    states,
    stopped,
)

PA = Actor("pa@corp.example", "link")
LEX = Actor("lex@corp.example", "link")
CEO = frozenset({"ceo@corp.example"})


async def send_now(store: Store, now: datetime = NOW, **more: object) -> Decision:
    return await store.send_now("Q1", by=ANN, now=now, **more)  # type: ignore[arg-type]


async def got(store: Store) -> Mail:
    found = await store.get("Q1")
    assert found is not None
    return found


async def due(store: Store) -> dict[str, datetime | None]:
    found = await store.get("Q1")
    assert found is not None
    return {d.address: d.due_at for d in found.deliveries}


# --- send now --------------------------------------------------------------------------------------------------


async def test_nobody_lets_go_what_changed_after_they_looked(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    saw = (await got(store)).revision
    await store.stop("Q1", by=ANN, hold=stopped(), now=NOW)
    with pytest.raises(MailChanged):
        await send_now(store, revision=saw)
    assert (await got(store)).open_holds
    saw = (await got(store)).revision
    assert (await send_now(store, revision=saw)).ending is Ending.DONE
    await carry(store)
    assert (await send_now(store, revision=saw)).ending is Ending.ALREADY


async def test_nor_approves_it(store: Store) -> None:
    await store.put(mail(holds=[hold(approvers=(LEX.name,))]), NOW)
    saw = (await got(store)).revision
    await store.stop("Q1", by=ANN, hold=stopped(), now=NOW)
    with pytest.raises(MailChanged):
        await store.approve("Q1", by=LEX, person=LEX.name, now=NOW, revision=saw)
    assert not (await got(store)).holds[0].approved_by
    saw = (await got(store)).revision
    for ending in (Ending.DONE, Ending.ALREADY):
        assert (await store.approve("Q1", by=LEX, person=LEX.name, now=NOW, revision=saw)).ending is ending


async def test_sending_a_delayed_mail_now(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    done = await send_now(store, later(1))
    assert (done.ending, len(done.changed), done.remaining) == (Ending.DONE, 1, ())
    again = await send_now(store, later(2))
    assert (again.ending, again.at) == (Ending.ALREADY, later(1))
    await carry(store, later(3))
    gone = await send_now(store, later(4))
    assert (gone.ending, gone.at) == (Ending.ALREADY, later(3))
    assert (await kinds(store)).count("message.sent_now") == 1


async def test_sending_a_mail_that_is_only_delayed_drops_the_clients_time_too(store: Store) -> None:
    await store.put(mail(delay=60, hold_until=later(60)), NOW)
    assert (await send_now(store)).ending is Ending.DONE
    assert await due(store) == {"bob@client.example": NOW}


async def test_releasing_a_hold_drops_the_rules_delays_and_keeps_the_clients_time(store: Store) -> None:
    await store.put(mail(delay=60, hold_until=later(30), holds=[hold()]), NOW)
    assert (await send_now(store)).ending is Ending.DONE
    assert await due(store) == {"bob@client.example": later(30)}
    assert (await send_now(store, later(1))).ending is Ending.DONE  # now it only waits: a second press drops that too
    assert await due(store) == {"bob@client.example": later(1)}


async def test_releasing_a_hold_starts_the_retry_clock(store: Store) -> None:
    await store.put(mail(delay=60, holds=[hold()]), NOW)
    await send_now(store, later(10))
    found = await store.get("Q1")
    assert found is not None
    assert found.deliveries[0].released_at == later(10)
    assert found.holds[0].resolved_at == later(10)
    assert found.holds[0].resolved_by == str(ANN)


async def test_the_sender_does_not_answer_for_an_approver(store: Store) -> None:
    await store.put(mail(holds=[hold("mine"), hold("theirs", approvers=("lex@corp.example",))]), NOW)
    done = await send_now(store)
    assert (done.ending, [h.rule for h in done.remaining]) == (Ending.DONE, ["theirs"])
    assert await state(store) is State.HELD
    again = await send_now(store, later(1))
    assert (again.ending, [h.rule for h in again.remaining]) == (Ending.ALREADY, ["theirs"])


async def test_scope_lets_only_these_copies_go(store: Store) -> None:
    to = ("ceo@corp.example", "bob@corp.example")
    await store.put(mail(to=to, delay=5), NOW)
    await send_now(store, later(1), scope=CEO)
    assert await due(store) == {"ceo@corp.example": later(1), "bob@corp.example": later(5)}


async def test_scope_never_answers_a_hold_on_more_than_these_copies(store: Store) -> None:
    await store.put(mail(to=("ceo@corp.example", "bob@corp.example"), holds=[hold()]), NOW)
    await store.stop("Q1", by=PA, hold=stopped(scope=CEO), now=NOW)
    done = await send_now(store, scope=CEO)
    assert [h.rule for h in done.remaining] == ["confidential-outside"]
    assert await state(store) is State.HELD


async def test_sending_a_cancelled_mail_is_too_late(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    await store.cancel("Q1", by=ANN, now=later(1))
    done = await send_now(store, later(2))
    assert (done.ending, done.at) == (Ending.TOO_LATE, later(1))


# --- approve ---------------------------------------------------------------------------------------------------


async def test_approval_counts_each_person_once_and_lets_go_at_enough(store: Store) -> None:
    await store.put(mail(holds=[hold(approvers=("Lex@corp.example", "lou@corp.example"), needed=2)]), NOW)
    first = await store.approve("Q1", by=LEX, person="lex@CORP.example", now=later(1))
    assert (first.ending, first.changed) == (Ending.DONE, ())
    assert [h.approved_by for h in first.remaining] == [("lex@corp.example",)]
    assert (await store.approve("Q1", by=LEX, person="lex@corp.example", now=later(2))).ending is Ending.ALREADY
    assert await state(store) is State.HELD
    last = await store.approve("Q1", by=LEX, person="lou@corp.example", now=later(3))
    assert (last.ending, len(last.changed), last.remaining) == (Ending.DONE, 1, ())
    assert await state(store) is State.QUEUED
    assert [k for k in await kinds(store) if k.startswith("hold.")] == [
        "hold.approved",
        "hold.approved",
        "hold.released",
    ]


async def test_approval_by_somebody_who_was_not_asked_changes_nothing(store: Store) -> None:
    await store.put(mail(holds=[hold(approvers=("lex@corp.example",))]), NOW)
    assert (await store.approve("Q1", by=ANN, person="ann@corp.example", now=NOW)).ending is Ending.UNKNOWN
    assert await state(store) is State.HELD


async def test_a_mail_leaves_when_every_hold_is_resolved(store: Store) -> None:
    await store.put(mail(holds=[hold("mine"), hold("theirs", approvers=("lex@corp.example",))]), NOW)
    await store.approve("Q1", by=LEX, person="lex@corp.example", now=later(1))
    assert await state(store) is State.HELD
    assert (await send_now(store, later(2))).remaining == ()
    assert await due(store) == {"bob@client.example": later(2)}


# --- stop ------------------------------------------------------------------------------------------------------


async def test_stopping_makes_a_wait_a_hold_and_one_press_undoes_it(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    told = NewNotice(NoticeKind.STOPPED, "ann@corp.example", "Q1")
    done = await store.stop("Q1", by=PA, hold=stopped(), now=later(1), notices=[told])
    assert (done.ending, len(done.changed), len(done.remaining)) == (Ending.DONE, 1, 1)
    assert (await store.stop("Q1", by=PA, hold=stopped(), now=later(2), notices=[told])).ending is Ending.ALREADY
    assert await claim(store, later(60)) == []
    notices = await store.claim_notices(later(1), lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
    assert len(notices) == 1
    await send_now(store, later(3))
    assert len(await carry(store, later(3))) == 1


async def test_stopping_some_copies_leaves_the_others_alone(store: Store) -> None:
    to = ("ceo@corp.example", "bob@corp.example")
    await store.put(mail(to=to, delay=5), NOW)
    assert (await store.stop("Q1", by=PA, hold=stopped(scope=CEO), now=NOW)).ending is Ending.DONE
    await carry(store, later(5))
    assert await states(store) == {"ceo@corp.example": State.HELD, "bob@corp.example": State.SENT}
    done = await store.send_now("Q1", by=PA, now=later(6), scope=CEO)
    assert (done.ending, done.remaining) == (Ending.DONE, ())


async def test_stopping_what_has_left_is_too_late(store: Store) -> None:
    await store.put(mail(), NOW)
    (one,) = await claim(store, later(1))
    done = await store.stop("Q1", by=PA, hold=stopped(), now=later(2))
    assert (done.ending, done.at) == (Ending.TOO_LATE, later(1))
    await settle(store, one, now=later(3))
    done = await store.stop("Q1", by=PA, hold=stopped(), now=later(4))
    assert (done.ending, done.at) == (Ending.TOO_LATE, later(3))


# --- cancel and drop -------------------------------------------------------------------------------------------


async def test_cancelling_ends_what_waits_and_answers_its_holds(store: Store) -> None:
    await store.put(mail(to=("a@x.example", "b@x.example"), holds=[hold(expires_at=later(60))]), NOW)
    returned = NewNotice(NoticeKind.RETURNED, "ann@corp.example", "Q1")
    done = await store.cancel("Q1", by=ANN, now=later(1), notices=[returned])
    assert (done.ending, len(done.changed), done.remaining) == (Ending.DONE, 2, ())
    found = await store.get("Q1")
    assert found is not None
    assert {(d.state, d.reason, d.ended_at) for d in found.deliveries} == {(State.CANCELLED, "cancelled", later(1))}
    again = await store.cancel("Q1", by=ANN, now=later(2), notices=[returned])
    assert (again.ending, again.at) == (Ending.ALREADY, later(1))
    assert await store.expire(later(90)) == []
    told = await store.claim_notices(later(90), lease=LEASE, limit=9, digest_over=3, digest_within=LEASE)
    assert [n.notices[0].notice.kind for n in told] == [NoticeKind.RETURNED]


async def test_cancelling_after_the_claim_is_too_late_and_says_when_it_left(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    (one,) = await claim(store, later(5))
    done = await store.cancel("Q1", by=ANN, now=later(6))
    assert (done.ending, done.at) == (Ending.TOO_LATE, later(5))
    await settle(store, one, now=later(7))
    assert (await store.cancel("Q1", by=ANN, now=later(8))).at == later(7)
    assert await state(store) is State.SENT


async def test_dropping_takes_an_address_off_every_copy_that_is_left(store: Store) -> None:
    to = ("boss@corp.example", "Client@X.example", "bob@corp.example")
    await store.put(mail(to=to, holds=[hold()], edits=(AddCc("pa@corp.example"),)), NOW)
    done = await store.drop("Q1", ["client@x.example"], by=ANN, now=later(1), edit_headers=True)
    assert (done.ending, len(done.changed), len(done.remaining)) == (Ending.DONE, 1, 1)
    found = await store.get("Q1")
    assert found is not None
    assert found.edits == (AddCc("pa@corp.example"), Drop("Client@X.example"))
    assert found.revision == 1
    assert await states(store) == {to[0]: State.HELD, to[1]: State.CANCELLED, to[2]: State.HELD}
    again = await store.drop("Q1", ["client@x.example"], by=ANN, now=later(2), edit_headers=True)
    assert (again.ending, again.at) == (Ending.ALREADY, later(1))
    await send_now(store, later(3))
    (one,) = await claim(store, later(3))
    assert {d.address for d in one.deliveries} == {to[0], to[2]}
    assert one.mail.edits[-1] == Drop("Client@X.example")


async def test_dropping_from_the_envelope_only_edits_nothing(store: Store) -> None:
    await store.put(mail(to=("a@x.example", "b@x.example"), delay=5), NOW)
    await store.drop("Q1", ["a@x.example"], by=ANN, now=NOW, edit_headers=False)
    found = await store.get("Q1")
    assert found is not None
    assert found.edits == ()


async def test_dropping_everybody_is_cancelling(store: Store) -> None:
    to = ("a@x.example", "b@x.example")
    await store.put(mail(to=to, holds=[hold(expires_at=later(9))]), NOW)
    done = await store.drop("Q1", to, by=ANN, now=NOW, edit_headers=True)
    assert (done.ending, done.remaining) == (Ending.DONE, ())
    assert await state(store) is State.CANCELLED
    assert "message.cancelled" in await kinds(store)
    assert await store.next_due() is None


async def test_dropping_those_a_hold_is_about_ends_the_hold(store: Store) -> None:
    await store.put(mail(to=("ceo@corp.example", "bob@corp.example"), delay=5), NOW)
    await store.stop("Q1", by=PA, hold=stopped(scope=CEO), now=NOW)
    done = await store.drop("Q1", CEO, by=ANN, now=NOW, edit_headers=False)
    assert done.remaining == ()
    assert await store.expire(later(100_000)) == []
    assert len(await carry(store, later(5))) == 1


async def test_dropping_somebody_who_is_not_there_or_has_it_already(store: Store) -> None:
    await store.put(mail(to=("a@x.example", "b@x.example"), per={"b@x.example": {"due_at": later(5)}}), NOW)
    await carry(store)
    assert (await store.drop("Q1", ["a@x.example"], by=ANN, now=later(1), edit_headers=True)) == Decision(
        Ending.TOO_LATE, at=NOW
    )
    gone = await store.drop("Q1", ["nobody@x.example"], by=ANN, now=later(1), edit_headers=True)
    assert gone.ending is Ending.UNKNOWN


# --- extend and requeue ----------------------------------------------------------------------------------------


async def test_extending_moves_the_expiry_later_and_never_earlier(store: Store) -> None:
    await store.put(mail(holds=[hold(expires_at=later(60))]), NOW)
    assert (await store.extend("Q1", by=ANN, until=later(120), now=later(10))).ending is Ending.DONE
    assert (await store.extend("Q1", by=ANN, until=later(90), now=later(10))).ending is Ending.ALREADY
    assert await store.next_due() == later(65)  # the reminder, at the new half time
    await store.expire(later(65))
    assert await store.expire(later(119)) == []
    assert [e.outcome for e in await store.expire(later(120))] == ["return"]
    assert (await store.extend("Q1", by=ANN, until=later(500), now=later(121))).ending is Ending.ALREADY


async def test_requeue_retries_what_was_deferred_with_a_fresh_retry_clock(store: Store) -> None:
    to = ("a@x.example", "b@x.example")
    await store.put(mail(to=to, per={"b@x.example": {"due_at": later(500)}}), NOW)
    await carry(store, NOW, deferred(later(240)))
    assert (await store.requeue("Q1", by=ADMIN, now=later(10))).ending is Ending.DONE
    (one,) = await claim(store, later(10))
    assert [d.address for d in one.deliveries] == ["a@x.example"]  # the other's delay is none of the network's
    assert (one.deliveries[0].attempts, one.deliveries[0].released_at) == (1, later(10))


async def test_requeue_of_what_is_not_waiting_for_the_network(store: Store) -> None:
    await store.put(mail(delay=5), NOW)
    assert (await store.requeue("Q1", by=ADMIN, now=NOW)).ending is Ending.ALREADY
    await carry(store, later(5), NO)
    assert (await store.requeue("Q1", by=ADMIN, now=later(6))).ending is Ending.ALREADY


@pytest.mark.parametrize("verb", ["send_now", "approve", "stop", "cancel", "drop", "extend", "requeue"])
async def test_no_verb_knows_a_mail_that_is_not_there(store: Store, verb: str) -> None:
    more: dict[str, dict[str, object]] = {
        "approve": {"person": "lex@corp.example"},
        "stop": {"hold": stopped()},
        "drop": {"addresses": ["a@x.example"], "edit_headers": True},
        "extend": {"until": later(9)},
    }
    assert await getattr(store, verb)("nope", by=ANN, now=NOW, **more.get(verb, {})) == Decision(Ending.UNKNOWN)


async def test_every_change_makes_a_new_revision(store: Store) -> None:
    async def revision() -> int:
        found = await store.get("Q1")
        assert found is not None
        return found.revision

    await store.put(mail(to=("a@x.example", "b@x.example"), delay=5), NOW)
    seen = [await revision()]
    await store.stop("Q1", by=PA, hold=stopped(), now=NOW)
    seen.append(await revision())
    await store.drop("Q1", ["a@x.example"], by=ANN, now=NOW, edit_headers=True)
    seen.append(await revision())
    await send_now(store)
    seen.append(await revision())
    await store.cancel("Q1", by=ANN, now=NOW)
    seen.append(await revision())
    await store.cancel("Q1", by=ANN, now=NOW)
    assert seen == [0, 1, 2, 3, 4] == [*seen[:-1], await revision()]


async def test_a_damaged_mail_is_not_let_go_by_anybody(store: Store) -> None:
    await store.put(mail(holds=[hold("", kind=HoldKind.DAMAGED)]), NOW)
    assert (await send_now(store)).ending is Ending.ALREADY
    assert (await store.requeue("Q1", by=ADMIN, now=NOW)).ending is Ending.ALREADY
    assert (await store.cancel("Q1", by=ADMIN, now=NOW)).ending is Ending.DONE


async def test_hiding_makes_waiting_copies_bcc_and_says_so_once(store: Store) -> None:
    to = ("a@x.example", "b@x.example")
    await store.put(mail(to=to, holds=[hold()], per={one: {"state": State.HELD} for one in to}), NOW)
    decision = await store.hide("Q1", ["a@x.example"], by=ANN, now=later(1), edits=[Hide("a@x.example")])
    assert decision.ending is Ending.DONE
    assert len(decision.changed) == 1
    assert {d.address: d.visible for d in (await got(store)).deliveries} == {"a@x.example": False, "b@x.example": True}
    assert (await got(store)).edits == (Hide("a@x.example"),)
    assert (await got(store)).revision == 1
    again = await store.hide("Q1", ["a@x.example"], by=ANN, now=later(2), edits=[Hide("a@x.example")])
    assert again.ending is Ending.ALREADY
    hidden = [e.data["address"] for e in await store.events("Q1") if e.kind == "recipient.hidden"]
    assert hidden == ["a@x.example"]


async def test_hiding_what_has_left_is_too_late_and_of_nobody_is_unknown(store: Store) -> None:
    await store.put(mail(), NOW)
    await carry(store, NOW)
    gone = await store.hide("Q1", ["bob@client.example"], by=ANN, now=later(1), edits=[Hide("bob@client.example")])
    assert gone.ending is Ending.TOO_LATE
    assert (await store.hide("Q1", [], by=ANN, now=NOW, edits=[])).ending is Ending.UNKNOWN
    assert (await store.hide("Q9", ["a@x.example"], by=ANN, now=NOW, edits=[])).ending is Ending.UNKNOWN


async def test_who_was_moved_to_bcc_before_anything_left_is_told_to_nobody_on_the_thread(store: Store) -> None:
    to = ("a@x.example", "b@x.example")
    await store.put(mail(to=to, delay=5), NOW)
    await store.hide("Q1", ["a@x.example"], by=ANN, now=NOW, edits=[Hide("a@x.example")])
    thread = await store.thread("ann@corp.example", [], ["<Q1@corp.example>"], "<Q1@corp.example>")
    assert thread is not None
    assert thread.named >= {"b@x.example"}
    assert "a@x.example" not in thread.named


async def test_a_note_is_a_line_of_history_and_changes_nothing_else(store: Store) -> None:
    await store.put(mail(holds=[hold()]), NOW)
    before = await got(store)
    told = [NewNotice(NoticeKind.APPROVAL, "lex@corp.example", "Q1")]
    decision = await store.note("Q1", "approval.asked", by=ANN, now=later(1), data={"said": "please"}, notices=told)
    assert (decision.ending, len(decision.remaining)) == (Ending.DONE, 1)
    assert await got(store) == before
    (event,) = [e for e in await store.events("Q1") if e.kind == "approval.asked"]
    assert (event.actor, event.data, event.at) == (str(ANN), {"said": "please"}, later(1))
    assert (await store.note("Q9", "x.y", by=ANN, now=NOW, data={})).ending is Ending.UNKNOWN


async def test_why_it_was_let_go_stands_in_its_history(store: Store) -> None:
    await store.put(mail(holds=[hold()]), NOW)
    await store.send_now("Q1", by=ANN, now=NOW, said="it is right")
    await store.put(mail("Q2", holds=[hold(approvers=("lex@corp.example",))]), NOW)
    await store.approve("Q2", by=ANN, person="lex@corp.example", now=NOW, said="agreed")
    said = {e.kind: e.data.get("said") for one in ("Q1", "Q2") for e in await store.events(one)}
    assert (said["message.sent_now"], said["hold.approved"]) == ("it is right", "agreed")


async def test_an_approval_by_right_counts_on_holds_that_name_others_and_once(store: Store) -> None:
    names = ("lex@corp.example", "rob@corp.example")
    await store.put(mail(holds=[hold(approvers=names, needed=2), hold("ask")]), NOW)
    rita = Actor("rita@corp.example", "outbox")
    foreign = await store.approve("Q1", by=rita, person=rita.name, now=NOW)
    assert foreign.ending is Ending.UNKNOWN
    for ending in (Ending.DONE, Ending.ALREADY):
        assert (await store.approve("Q1", by=rita, person=rita.name, now=NOW, anyones=True)).ending is ending
    first, asked = (await got(store)).holds
    assert (first.approved_by, first.open) == ((rita.name,), True)
    assert (asked.approved_by, asked.open) == ((), True)
    await store.approve("Q1", by=LEX, person=LEX.name, now=NOW)
    assert [one.open for one in (await got(store)).holds] == [False, True]


async def test_how_a_hold_may_be_answered_is_kept(store: Store) -> None:
    await store.put(mail(holds=[hold(by_mail=True), hold("other")]), NOW)
    assert [one.by_mail for one in (await got(store)).holds] == [True, False]


async def test_what_a_reason_is_made_of_is_kept_with_holds_hits_and_recipients(store: Store) -> None:
    why = saying("nobody {place} is {who}", place=saying("in Cc"), who="x")
    hit = Hit("r", Mode.ENFORCE, Action.HOLD, why)
    per = {"bob@client.example": {"flagged": str(why)}}
    new = mail(to=["bob@client.example"], holds=[hold(reason=why), hold(reason="as written")], per=per)
    await store.put(replace(new, verdict=replace(new.verdict, hits=(hit,))), NOW)
    found = await got(store)
    said = [found.holds[0].reason, found.hits[0].reason, found.deliveries[0].flagged]
    assert said == [str(why)] * 3
    assert [Language("de").tell(one) for one in said] == ["in Cc ist niemand x"] * 3
    assert Language("de").tell(found.holds[1].reason) == "as written"


async def test_what_waits_for_approvals_is_found_and_what_an_assistant_was_told_of(store: Store) -> None:
    told = NewNotice(NoticeKind.ASSISTANT, "PA@corp.example", "Q1", Power.ASSISTANT, CEO)
    await store.put(mail(holds=[hold(approvers=(LEX.name,))], notices=[told]), NOW)
    await store.put(mail("Q2", holds=[hold()]), NOW)
    assert [one.queue_id for one in await store.find(Filter(approval=True))] == ["Q1"]
    assert await store.assisted(PA.name, 10) == {"Q1": CEO}
    assert await store.assisted(LEX.name, 10) == {}
    await store.cancel("Q1", by=ANN, now=NOW)
    assert await store.find(Filter(approval=True)) == []
    assert await store.assisted(PA.name, 10) == {}
