"""What happens on the way out: tried again, given up, reported, and never lost."""

from datetime import timedelta

import pytest

from mailguard.demo.world import Caught
from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, KIM, LEE, House, letter, routes
from tests.unit.courier.peer import ABORT, Peer

LOU = "lou@client.example"
AT_ONCE = "version: 1\nrules:\n  - {id: none, mode: audit, when: {always: true}, then: [{tag: [seen]}]}\n"
LATER = AT_ONCE + "  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 30m}]}\n"


@pytest.fixture
async def out(open_house: OpenHouse, peer: Peer) -> House:
    """Mail to client.example goes to the scripted peer, all else to the outside world; nothing waits."""
    return await open_house(rules=AT_ONCE, config=routes(client_example=peer.port))


def reports(house: House, person: str = ANN) -> list[Caught]:
    return [mail for mail in house.notices(person) if mail.message.get_content_type() == "multipart/report"]


def status(report: Caught) -> str:
    """The machine's part of a report, as text."""
    (part,) = [part for part in report.message.walk() if part.get_content_type() == "message/delivery-status"]
    blocks = part.get_payload()
    assert isinstance(blocks, list)
    return "\r\n".join(str(block) for block in blocks)


async def test_what_is_deferred_is_tried_again_on_a_schedule_and_then_sent(out: House, peer: Peer) -> None:
    peer.answers["RCPT"] = ["451 4.2.0 later", "451 4.2.0 later", "451 4.2.0 later"]
    queue_id = await out.send()
    waits = []
    for attempt in (1, 2, 3):
        await out.quiet()
        copy = await out.copy(queue_id, KIM)
        assert (copy.state, copy.attempts) == (State.QUEUED, attempt)
        assert "451 4.2.0 later" in copy.last_reply
        assert copy.due_at is not None
        waits.append((copy.due_at - out.clock.now()).total_seconds() / 60)
        await out.wait(seconds=(copy.due_at - out.clock.now()).total_seconds())
    assert [wait == pytest.approx(usual, rel=0.21) for wait, usual in zip(waits, (1, 5, 15), strict=True)] == [True] * 3
    assert (await out.copy(queue_id, KIM)).state is State.SENT
    assert len(peer.arrived) == 1
    assert not reports(out)


async def test_the_retry_clock_starts_at_the_release_and_not_at_the_arrival(open_house: OpenHouse, peer: Peer) -> None:
    house = await open_house(
        rules=LATER, config={**routes(client_example=peer.port), "retry": {"give_up": "1h", "delay_notice": "50m"}}
    )
    peer.answers["RCPT"] = "451 4.2.0 later"
    queue_id = await house.send()
    await house.wait(minutes=89)
    assert (await house.copy(queue_id, KIM)).state is State.QUEUED, "thirty minutes' delay do not count"
    await house.wait(minutes=2)
    assert (await house.copy(queue_id, KIM)).state is State.FAILED


async def test_what_is_refused_fails_and_its_sender_has_a_report(out: House, peer: Peer) -> None:
    peer.answers["RCPT"] = "550 5.1.1 nobody of that name"
    queue_id = await out.send(Message_ID="<refused@corp.example>")
    await out.quiet()
    assert (await out.copy(queue_id, KIM)).state is State.FAILED
    (report,) = reports(out)
    assert report.sender == ""
    assert "Action: failed" in status(report)
    assert f"Final-Recipient: rfc822; {KIM}" in status(report)
    assert "Status: 5.1.1" in status(report)
    assert "nobody of that name" in status(report)
    assert b"<refused@corp.example>" in report.raw
    assert out.log_lines("delivery.failed")[0]["smtp_code"] == 550


async def test_the_report_is_there_after_a_restart_because_it_was_committed_with_the_failure(
    open_house: OpenHouse, peer: Peer
) -> None:
    nowhere = await Peer().start()
    nowhere.answers["BANNER"] = "421 4.3.2 closed"
    house = await open_house(rules=AT_ONCE, config=routes(client_example=peer.port, corp_example=nowhere.port))
    peer.answers["RCPT"] = "550 5.1.1 nobody"
    await house.send()
    await house.quiet()
    assert not nowhere.arrived
    nowhere.answers.clear()
    await house.restart()
    await house.wait(minutes=10)
    (arrived,) = nowhere.arrived
    assert b"Action: failed" in arrived.data
    assert arrived.mail.startswith("MAIL FROM:<>")
    await house.stop()
    await nowhere.stop()


async def test_notify_never_means_no_report(out: House, peer: Peer) -> None:
    peer.answers["RCPT"] = "550 5.1.1 nobody"
    queue_id = (await out.submit(letter(), rcpt=["NOTIFY=NEVER"])).queue_id
    await out.quiet()
    assert (await out.copy(queue_id, KIM)).state is State.FAILED
    assert not out.world.caught


async def test_there_is_no_bounce_of_a_bounce(open_house: OpenHouse, peer: Peer) -> None:
    own = await Peer().start()
    own.answers["RCPT"] = "550 5.1.1 the sender is gone, too"
    house = await open_house(rules=AT_ONCE, config=routes(client_example=peer.port, corp_example=own.port))
    peer.answers["RCPT"] = "550 5.1.1 nobody"
    await house.send()
    await house.wait(days=3)
    assert own.verbs.count("RCPT") == 1, "the report was tried once, and nothing about it"
    assert not house.world.caught
    await house.stop()
    await own.stop()


async def test_mail_of_the_null_sender_is_never_reported_about(out: House, peer: Peer) -> None:
    peer.answers["RCPT"] = "550 5.1.1 nobody"
    assert (await out.submit(letter("daemon@corp.example"), sender="")).code == 250
    await out.wait(days=3)
    assert not out.world.caught


async def test_it_is_given_up_after_48_hours_with_a_report_and_a_delay_is_told_at_four(out: House, peer: Peer) -> None:
    peer.answers["BANNER"] = "421 4.3.2 closed for now"
    queue_id = await out.send()
    await out.wait(hours=3.9)
    assert not reports(out)
    await out.wait(hours=0.2)
    (late,) = reports(out)
    assert "Action: delayed" in status(late)
    assert "Will-Retry-Until:" in status(late)
    await out.wait(hours=43.8)
    assert (await out.copy(queue_id, KIM)).state is State.QUEUED
    assert len(reports(out)) == 1, "one word about the delay is enough"
    await out.wait(hours=0.2)
    copy = await out.copy(queue_id, KIM)
    assert copy.state is State.FAILED
    assert copy.ended_at is not None
    mail = await out.mail(queue_id)
    assert copy.ended_at - mail.received_at == pytest.approx(timedelta(hours=48), abs=timedelta(seconds=1))
    assert "Action: failed" in status(reports(out)[-1])
    assert len(reports(out)) == 2


async def test_a_host_that_comes_back_within_48_hours_gets_the_mail_once(out: House, peer: Peer) -> None:
    peer.answers["BANNER"] = "421 4.3.2 closed for now"
    queue_id = await out.send()
    await out.wait(hours=30)
    peer.answers.clear()
    await out.wait(hours=7.5)
    assert (await out.copy(queue_id, KIM)).state is State.SENT
    assert len(peer.arrived) == 1
    await out.wait(hours=48)
    assert len(peer.arrived) == 1


async def test_each_recipient_has_its_own_outcome_and_the_report_names_only_the_failed(out: House, peer: Peer) -> None:
    def answer(line: str) -> str:
        return "550 5.1.1 nobody" if LOU in line else "451 4.2.2 full" if "max@" in line else ""

    peer.answers["RCPT"] = answer
    queue_id = (await out.submit(letter(), [KIM, LOU, "max@client.example", LEE])).queue_id
    await out.quiet()
    states = await out.states(queue_id)
    assert [states[a] for a in (KIM, LOU, "max@client.example", LEE)] == [
        State.SENT, State.FAILED, State.QUEUED, State.SENT,
    ]  # fmt: skip
    (report,) = reports(out)
    assert LOU in status(report)
    assert KIM not in status(report)
    assert "max@" not in status(report)
    peer.answers.clear()
    await out.wait(minutes=2)
    assert (await out.copy(queue_id, "max@client.example")).state is State.SENT
    (first, second) = peer.arrived
    assert [KIM in line for line in first.rcpts] == [True]
    assert ["max@client.example" in line for line in second.rcpts] == [True]


async def test_a_connection_lost_after_the_dot_is_tried_again_logged_and_counted(out: House, peer: Peer) -> None:
    peer.answers["DOT"] = [ABORT]
    queue_id = await out.send()
    await out.wait(minutes=2)
    assert (await out.copy(queue_id, KIM)).state is State.SENT
    assert len(peer.arrived) == 2
    ids = {line for arrived in peer.arrived for line in arrived.data.split(b"\r\n") if line.startswith(b"Message-ID")}
    assert len(ids) == 1
    assert [line["queue_id"] for line in out.log_lines("delivery.ambiguous")] == [queue_id]
    assert b"mailguard_deliveries_ambiguous_total 1.0" in await out.service.health.scrape()


async def test_one_mail_goes_over_the_wire_once_for_all_recipients_of_a_host(out: House, peer: Peer) -> None:
    await out.submit(letter(), [KIM, LOU, "max@client.example"])
    await out.quiet()
    (arrived,) = peer.arrived
    assert len(arrived.rcpts) == 3


async def test_a_report_that_was_asked_for_of_a_host_that_makes_none_is_ours(open_house: OpenHouse) -> None:
    plain = await Peer("8BITMIME").start()
    house = await open_house(rules=AT_ONCE, config=routes(client_example=plain.port))
    await house.submit(letter(), mail=["ENVID=QQ1"], rcpt=["NOTIFY=SUCCESS"])
    await house.quiet()
    (report,) = reports(house)
    assert "Action: relayed" in status(report)
    assert "Original-Envelope-Id: QQ1" in status(report)
    await house.stop()
    await plain.stop()


async def test_dsn_parameters_reach_a_host_that_offers_dsn_as_they_were_typed(out: House, peer: Peer) -> None:
    await out.submit(letter(), mail=["RET=HDRS", "ENVID=aB+3Dc"], rcpt=["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;Kim@X"])
    await out.quiet()
    (arrived,) = peer.arrived
    assert "RET=HDRS" in arrived.mail
    assert "ENVID=aB+3Dc" in arrived.mail
    assert arrived.rcpts == [f"RCPT TO:<{KIM}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Kim@X"]


async def test_a_deferred_copy_may_be_cancelled_and_is_never_tried_again(out: House, peer: Peer) -> None:
    peer.answers["RCPT"] = "451 4.2.0 later"
    raw = letter()
    queue_id = (await out.submit(raw)).queue_id
    await out.quiet()
    desk = out.service.desk
    view = await desk.own(ANN, queue_id)
    assert view is not None
    await desk.cancel(view, [queue_id], view.seen)
    peer.answers.clear()
    await out.wait(hours=50)
    assert not peer.arrived
    assert raw in (await out.notice(ANN, "Not sent: Quote")).raw


async def test_large_mail_arrives_byte_for_byte(out: House, peer: Peer) -> None:
    line = b".dots and text 0123456789 abcdefghijklmnopqrstuvwxyz\r\n"
    raw = letter() + line * ((9 << 20) // len(line))
    await out.submit(raw)
    await out.quiet()
    assert peer.arrived[0].data.endswith(raw)


async def test_a_deferred_copy_may_be_stopped_and_let_go_with_a_fresh_retry_clock(out: House, peer: Peer) -> None:
    peer.answers["RCPT"] = "451 4.2.0 later"
    queue_id = await out.send()
    await out.wait(hours=40)
    view = await out.service.desk.own(ANN, queue_id)
    assert view is not None
    await out.service.desk.stop(view)
    tried = peer.verbs.count("RCPT")
    await out.wait(hours=20)
    assert peer.verbs.count("RCPT") == tried, "what is held is not tried"
    link = await out.link(ANN, "Stopped: Quote")
    await out.press(link, "send", confirm=KIM)
    await out.wait(hours=40)
    assert (await out.copy(queue_id, KIM)).state is State.QUEUED, "time on hold does not count"
    await out.wait(hours=9)
    assert (await out.copy(queue_id, KIM)).state is State.FAILED


async def test_an_added_copy_that_fails_is_nobodys_bounce(open_house: OpenHouse, peer: Peer) -> None:
    peer.answers["RCPT"] = "550 5.1.1 nobody"
    rule = "{id: copy, when: {always: true}, then: [{bcc: {add: archive@client.example}}]}"
    house = await open_house(rules=f"version: 1\nrules: [{rule}]\n", config=routes(client_example=peer.port))
    queue_id = await house.send([BOB])
    await house.quiet()
    assert await house.states(queue_id) == {BOB: State.SENT, "archive@client.example": State.FAILED}
    assert not reports(house)
