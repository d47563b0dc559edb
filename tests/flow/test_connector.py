"""A connector brings one mail in several transactions: one notice, one page, one decision."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from mailguard.mail.envelope import Proof
from mailguard.records import State
from mailguard.store.base import Filter
from mailguard.store.places import place
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, BOB, BOSS, DELAY, HOLD, KIM, LEE, MO, POSTMASTER, Answer, House, letter, routes
from tests.flow.test_answers import BY_MAIL, answer, reply_to
from tests.flow.test_resend import gone
from tests.postgres import Postgres
from tests.unit.courier.peer import Peer

ZOE = "zoe@client.example"
ID = "<one@corp.example>"
LISTENER = {"bind": "127.0.0.1:0", "mode": "connector", "tls": "none"}
PASS = "version: 1\nrules:\n  - {id: none, mode: audit, when: {always: true}, then: [{tag: [seen]}]}\n"
MANY = """
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 5m}]}
  - {id: many, when: {recipient_count: {at_least: 3}}, then: [{hold: {until: sender_confirms, expires: 24h}}]}
"""
DISCLAIMED = """
version: 1
rules:
  - {id: wait, when: {always: true}, then: [{delay: 5m}]}
  - {id: say, when: {recipients: {any: external}}, then: [{disclaimer: {text: "Only for you."}}]}
  - {id: tell, when: {recipients: {any: {domain: rival.example}}}, then: [{disclaimer: {text: "Not for you."}}]}
"""
TOO_MANY = MANY.replace("{hold: {until: sender_confirms, expires: 24h}}", "{reject: {message: too many}}")

Connected = Callable[..., Awaitable[House]]


@pytest.fixture(params=["sqlite", "postgres"])
def connected(open_house: OpenHouse, request: pytest.FixtureRequest) -> Connected:
    """A house behind a connector, on each store."""

    async def build(rules: str = DELAY, **config: Any) -> House:
        if request.param == "postgres":
            server: Postgres = request.getfixturevalue("postgres")
            config["store"] = server.fresh()
        return await open_house(rules=rules, config={"smtp": {"listeners": [LISTENER]}, **config})

    return build


def forked(trace: int, *, to: Sequence[str] = (KIM, MO), sender: str = ANN, message_id: str = ID, **more: str) -> bytes:
    """The mail as one of its transactions has it: with trace fields and blanks of its own."""
    raw = letter(sender, ", ".join(to), Message_ID=message_id, **more)
    own = b"Received: from mailbox-%d.example by outbound.example; Mon, 1 Jan 2024 09:00:00 +0000\r\n" % trace
    return own + b"X-MS-Exchange-CrossTenant-Id: %d\r\n" % trace + raw + b"\r\n" * trace


async def fork(house: House, trace: int, rcpt: Sequence[str], *, mail_from: str = ANN, **more: Any) -> Answer:
    return await house.submit(forked(trace, **more), rcpt, sender=mail_from)


async def mails(house: House) -> list[str]:
    return sorted(mail.queue_id for mail in await house.service.store.find(Filter(limit=100)))


async def test_three_forks_are_one_mail_with_one_notice_one_page_and_one_decision(connected: Connected) -> None:
    house = await connected(HOLD)
    one = await fork(house, 1, [KIM])
    two = await fork(house, 2, [MO], mail_from="")
    three = await fork(house, 3, [ZOE], mail_from="bounces+SRS=44ldt=IX@corp.example")
    assert {one.queue_id, two.queue_id, three.queue_id} == set(await mails(house))
    assert two.text.startswith(f"2.0.0 held as {one.queue_id}: ask")
    page = await house.page(await house.link(ANN, "Held"))
    assert all(address in page.words for address in (KIM, MO, ZOE))
    assert len(house.notices(ANN)) == 1
    shown = await house.press(await house.link(ANN, "Held"), "send", confirm=[KIM, MO, ZOE])
    assert shown.status == 200
    await house.quiet()
    assert await house.states(one.queue_id) == {KIM: State.SENT, MO: State.SENT, ZOE: State.SENT}
    assert all(len(house.arrived(address)) == 1 for address in (KIM, MO, ZOE))
    assert len(house.log_lines("fork.joined")) == 2


async def test_an_answer_by_mail_lets_nobody_go_whom_its_notice_did_not_name(connected: Connected) -> None:
    house = await connected(BY_MAIL)
    one = await fork(house, 1, [KIM])
    to = await reply_to(house, ANN, "Held")
    await fork(house, 2, [MO])
    await answer(house, to, "send")
    assert await house.states(one.queue_id) == {KIM: State.HELD, MO: State.HELD}
    assert "/m/" in house.notices(ANN)[-1].text, "the note says where the page is"
    page = await house.link(ANN, "Held")
    assert (await house.press(page, "send", confirm=[KIM, MO])).status == 200
    await house.quiet()
    assert await house.states(one.queue_id) == {KIM: State.SENT, MO: State.SENT}


async def test_forks_at_the_same_instant_are_one_mail(connected: Connected) -> None:
    house = await connected(HOLD)
    people = [f"kim{number}@client.example" for number in range(8)]
    answers = await asyncio.gather(*(fork(house, number, [who]) for number, who in enumerate(people)))
    (only,) = {answer.queue_id for answer in answers}
    assert await mails(house) == [only]
    await house.quiet()
    assert await house.states(only) == dict.fromkeys(people, State.HELD)
    assert len(house.notices(ANN)) == 1


async def test_a_late_fork_leaves_with_the_others(connected: Connected) -> None:
    house = await connected(DELAY)
    one = await fork(house, 1, [KIM])
    await house.wait(seconds=119)
    assert (await fork(house, 2, [MO])).queue_id == one.queue_id
    await house.wait(minutes=3)
    assert not house.arrived(KIM) + house.arrived(MO)
    await house.wait(minutes=1)
    assert len(house.arrived(KIM)) == len(house.arrived(MO)) == 1


async def test_the_same_after_two_minutes_is_a_mail_of_its_own(connected: Connected) -> None:
    house = await connected(DELAY)
    one = await fork(house, 1, [KIM])
    await house.wait(seconds=121)
    again = await fork(house, 1, [KIM])
    assert again.queue_id != one.queue_id
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 2


async def test_the_provider_s_second_try_of_a_fork_is_no_second_mail(connected: Connected) -> None:
    house = await connected(DELAY)
    one = await fork(house, 1, [KIM])
    assert (await fork(house, 2, [KIM])).queue_id == one.queue_id
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 1
    assert (await house.mail(one.queue_id)).revision == 0


async def test_a_fork_whose_answer_a_crash_ate_is_no_second_mail_when_it_comes_again(
    connected: Connected,
) -> None:
    house = await connected(DELAY)
    one = await fork(house, 1, [KIM])
    two = await fork(house, 2, [KIM, MO])
    assert two.queue_id == one.queue_id
    await house.wait(minutes=6)
    await house.restart()
    await house.wait(minutes=50)
    for trace, rcpt in ((1, [KIM]), (2, [MO, KIM])):
        assert (await fork(house, trace, rcpt)).queue_id == one.queue_id
    await house.wait(minutes=6)
    assert await mails(house) == [one.queue_id]
    assert len(house.arrived(KIM)) == len(house.arrived(MO)) == 1


async def test_one_whose_recipients_were_there_already_is_none_either_and_days_later(connected: Connected) -> None:
    house = await connected(DELAY)
    one = await fork(house, 1, [KIM, MO])
    assert (await fork(house, 2, [KIM])).queue_id == one.queue_id
    await house.wait(minutes=6)
    await house.restart(away=3600)
    await house.wait(days=4)
    assert (await fork(house, 2, [KIM])).queue_id == one.queue_id
    await house.wait(minutes=6)
    assert len(house.arrived(KIM)) == 1
    await house.wait(days=1)
    assert (await fork(house, 2, [KIM])).queue_id != one.queue_id, "nobody tries for so long"


async def test_that_one_client_has_read_its_answer_says_nothing_of_another_fork_s(connected: Connected) -> None:
    house = await connected(DELAY)
    await gone(house, forked(2), [MO])
    (first,) = await mails(house)
    assert (await fork(house, 1, [KIM])).queue_id == first
    await house.wait(minutes=6)
    assert (await fork(house, 2, [MO])).queue_id == first
    await house.wait(minutes=6)
    assert len(house.arrived(MO)) == 1


async def test_what_was_stopped_keeps_a_late_fork(connected: Connected) -> None:
    house = await connected(DELAY, notices={"delayed": "always"})
    one = await fork(house, 1, [KIM])
    await house.press(await house.link(ANN, "Leaves "), "stop")
    await house.quiet()
    told = len(house.notices(ANN))
    assert (await fork(house, 2, [MO])).queue_id == one.queue_id
    await house.wait(hours=1)
    assert await house.states(one.queue_id) == {KIM: State.HELD, MO: State.HELD}
    assert len(house.notices(ANN)) == told


async def test_what_was_cancelled_takes_a_late_fork_with_it(connected: Connected) -> None:
    house = await connected(HOLD)
    one = await fork(house, 1, [KIM])
    link = await house.link(ANN, "Held")
    await house.press(link, "cancel", confirm=one.queue_id)
    assert (await house.copy(one.queue_id, KIM)).state is State.CANCELLED
    assert (await fork(house, 2, [MO])).queue_id == one.queue_id
    await house.wait(hours=48)
    assert await house.states(one.queue_id) == {KIM: State.CANCELLED, MO: State.CANCELLED}
    assert not house.arrived(KIM) + house.arrived(MO)
    assert len(house.log_lines("fork.stopped")) == 1


async def test_what_was_let_go_is_asked_again_for_who_was_not_on_the_page(connected: Connected) -> None:
    house = await connected(HOLD)
    one = await fork(house, 1, [KIM])
    await house.press(await house.link(ANN, "Held"), "send", confirm=KIM)
    await house.quiet()
    late = await fork(house, 2, [MO])
    assert late.queue_id != one.queue_id
    assert await house.states(late.queue_id) == {MO: State.HELD}
    mail = await house.mail(late.queue_id)
    assert "late-fork" in mail.tags
    accepted = next(e for e in await house.service.store.events(late.queue_id) if e.kind == "smtp.accepted")
    assert accepted.data["fork_of"] == one.queue_id


async def test_what_was_let_go_whoever_gets_it_lets_a_late_fork_go(connected: Connected) -> None:
    house = await connected(HOLD.replace("recipients: {any: external}", "words: {any: [quote], in: [subject]}"))
    one = await fork(house, 1, [KIM])
    await house.press(await house.link(ANN, "Held"), "send", confirm=KIM)
    await house.quiet()
    late = await fork(house, 2, [MO])
    await house.quiet()
    assert await house.states(late.queue_id) == {MO: State.SENT}
    assert late.queue_id != one.queue_id
    assert len(house.notices(ANN)) == 1


async def test_whoever_a_late_fork_names_again_is_said_to_be_the_first_one_s(connected: Connected) -> None:
    house = await connected(PASS)
    one = await fork(house, 1, [KIM])
    await house.wait(seconds=20)
    late = await fork(house, 2, [KIM, MO])
    await house.quiet()
    assert late.queue_id != one.queue_id
    assert len(house.arrived(KIM)) == len(house.arrived(MO)) == 1
    await house.stop()
    found = await asyncio.to_thread(lambda: list(place(house.config.store_url).check(lambda *_: None)))
    assert found == [], "`db check` finds no recipient without a delivery"


async def test_what_would_leave_at_once_waits_a_moment_for_whom_its_header_names(connected: Connected) -> None:
    house = await connected(PASS)
    one = await fork(house, 1, [KIM])
    await house.wait(seconds=9)
    assert not house.arrived(KIM)
    assert (await fork(house, 2, [MO])).queue_id == one.queue_id
    await house.wait(seconds=2)
    assert len(house.arrived(KIM)) == len(house.arrived(MO)) == 1
    two = await fork(house, 3, [KIM], to=[KIM], message_id="<two@corp.example>")
    await house.quiet()
    assert (await house.copy(two.queue_id, KIM)).state is State.SENT, "nobody is missing"


async def test_a_recipient_who_joins_may_change_the_verdict_for_all(connected: Connected) -> None:
    house = await connected(MANY)
    one = await fork(house, 1, [KIM, MO])
    assert await house.states(one.queue_id) == {KIM: State.QUEUED, MO: State.QUEUED}
    two = await fork(house, 2, [ZOE])
    assert two.text.startswith(f"2.0.0 held as {one.queue_id}: many")
    await house.wait(minutes=9)
    assert await house.states(one.queue_id) == {KIM: State.HELD, MO: State.HELD, ZOE: State.HELD}
    assert [notice.subject for notice in house.notices(ANN) if "Held" in notice.subject]


async def test_a_recipient_who_makes_it_rejected_sends_it_back(connected: Connected) -> None:
    house = await connected(TOO_MANY)
    one = await fork(house, 1, [KIM, MO])
    assert (await fork(house, 2, [ZOE])).queue_id == one.queue_id
    await house.wait(minutes=9)
    assert set((await house.states(one.queue_id)).values()) == {State.CANCELLED}
    assert "many" in (await house.notice(ANN, "Not sent")).text


async def test_what_rules_put_into_the_text_is_there_once_and_in_its_place(connected: Connected) -> None:
    house = await connected(DISCLAIMED)
    html = "<html><body><p>Hello</p></body></html>\r\n"
    for number, who in (
        (4, LEE),
        (333, KIM),
        (22, ZOE),
        (1111, MO),
    ):  # the header of each of its forks has another length
        raw = forked(number, to=[KIM, ZOE, LEE, MO], body=html).replace(b"text/plain", b"text/html")
        await house.submit(raw, [who], sender=ANN)
    await house.restart()
    await house.wait(minutes=6)
    (caught,) = house.arrived(KIM)
    body = caught.raw.partition(b"\r\n\r\n")[2]
    assert [body.count(text) for text in (b"Only for you.", b"Not for you.")] == [1, 1]
    assert body.startswith(b"<html><body><p>Hello</p>")
    assert body.rstrip().endswith(b"</body></html>")
    assert [mail.raw for mail in house.arrived(LEE)] == [caught.raw]


@pytest.mark.parametrize("first", [1, 2])
async def test_a_service_that_ends_between_two_forks_joins_them_all_the_same(connected: Connected, first: int) -> None:
    house = await connected(HOLD)
    one = await fork(house, 1, [KIM])
    for number in range(2, first + 1):
        await fork(house, number, [f"kim{number}@client.example"])
    await house.restart()
    assert (await fork(house, 8, [MO])).queue_id == one.queue_id
    assert (await fork(house, 9, [KIM])).queue_id == one.queue_id
    await house.quiet()
    assert (await house.states(one.queue_id))[MO] is State.HELD
    assert len(house.notices(ANN)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"sender": BOB}, {"body": "Hello,\r\n\r\nhere is another quote.\r\n"}, {"subject": "Other"},
        {"message_id": "<two@corp.example>"}, {"to": [KIM]}, {"sender": "eve@evil.example"},
        {"message_id": ""},
    ],
    ids=["identity", "body", "subject", "message-id", "to", "foreign", "no message-id"],
)  # fmt: skip
async def test_whoever_is_not_the_same_mail_joins_nothing(connected: Connected, other: dict[str, Any]) -> None:
    house = await connected(HOLD)
    one = await fork(house, 1, [KIM])
    two = await fork(house, 2, [MO], **other)
    assert one.queue_id != two.queue_id
    assert await house.states(one.queue_id) == {KIM: State.HELD}


async def test_the_null_sender_of_the_first_fork_is_not_what_the_others_bounce_to(
    connected: Connected, peer: Peer
) -> None:
    house = await connected(DELAY, **routes(client_example=peer.port))
    one = await fork(house, 1, [KIM], mail_from="")
    await fork(house, 2, [ZOE], mail_from=ANN)
    await house.wait(minutes=6)
    assert (await house.mail(one.queue_id)).envelope.sender == ANN


async def test_a_failure_is_reported_inside_whatever_the_envelope_said(connected: Connected, peer: Peer) -> None:
    peer.answers["RCPT"] = "550 5.1.1 no such user"
    house = await connected(PASS, **routes(client_example=peer.port))
    for number, mail_from in enumerate(["", "kim@foreign.example", ANN]):
        await fork(house, number, [KIM], to=[KIM], mail_from=mail_from, message_id=f"<{number}@corp.example>")
        await house.quiet()
    reports = [mail for mail in house.world.caught if b"delivery-status" in mail.raw]
    assert [list(mail.recipients) for mail in reports] == [[ANN]] * 3


async def test_forwarded_mail_of_strangers_passes_untouched_and_nobody_outside_hears_of_it(
    connected: Connected, peer: Peer
) -> None:
    house = await connected(PASS)
    eve = "eve@evil.example"
    one = await fork(house, 1, [KIM], sender=eve, mail_from=eve)
    await house.quiet()
    (arrived,) = house.arrived(KIM)
    assert arrived.raw.endswith(forked(1, sender=eve)), "only our own trace stands before it"
    mail = await house.mail(one.queue_id)
    assert (mail.identity.address, mail.identity.proof, mail.answers) == ("", Proof.CONNECTOR, POSTMASTER)


async def test_what_holds_a_stranger_s_mail_is_asked_of_whoever_answers_for_it(connected: Connected) -> None:
    house = await connected(HOLD)
    eve = "eve@evil.example"
    one = await fork(house, 1, [KIM], sender=eve, mail_from=eve)
    await fork(house, 2, [MO], sender=eve, mail_from="")
    link = await house.link(POSTMASTER, "Held")
    await house.press(link, "cancel", confirm=one.queue_id)
    await house.wait(hours=80)
    told = {recipient for mail in house.world.caught for recipient in mail.recipients}
    assert told == {POSTMASTER}
    assert len(await mails(house)) == 2, "nobody knows that it was one person who forwarded both"


async def test_who_redirected_it_answers_for_it(connected: Connected) -> None:
    house = await connected(HOLD)
    eve = "eve@evil.example"
    await fork(house, 1, [KIM], sender=eve, mail_from=eve, Resent_From=ANN)
    assert await house.link(ANN, "Held")


async def test_who_writes_on_behalf_of_somebody_is_who_acts(connected: Connected) -> None:
    house = await connected(HOLD)
    await fork(house, 1, [KIM], sender=BOSS, Sender=LEE)
    assert await house.link(LEE, "Held")
    assert not house.notices(BOSS)


async def test_the_page_names_who_got_it_inside_and_takes_back_what_a_fork_brought(connected: Connected) -> None:
    house = await connected(HOLD)
    to = [KIM, LEE, BOB, "stranger@elsewhere.example"]
    await fork(house, 1, [KIM], to=to, cc=BOSS)
    link = await house.link(ANN, "Held")
    inside = (await house.page(link)).text.partition('id="inside"')[2].partition("</ul>")[0]
    assert [who for who in (LEE, BOB, BOSS) if who in inside] == [LEE, BOB, BOSS]
    assert "stranger" not in inside
    await fork(house, 2, [LEE], to=to, cc=BOSS)
    inside = (await house.page(link)).text.partition('id="inside"')[2].partition("</ul>")[0]
    assert [who for who in (LEE, BOB, BOSS) if who in inside] == [BOB, BOSS]


async def test_what_nobody_could_decide_in_time_is_held_for_all(connected: Connected) -> None:
    house = await connected(DELAY)
    one = await fork(house, 1, [KIM])
    house.service.intake._forks._budget = timedelta()  # the verdict on both never comes
    late = await fork(house, 2, [MO])
    assert late.text.startswith(f"2.0.0 held as {one.queue_id}: unreadable")
    await house.wait(minutes=6)
    assert await house.states(one.queue_id) == {KIM: State.HELD, MO: State.HELD}
    await house.notice(ANN, "Held")


async def test_what_nobody_could_decide_in_time_after_a_cancel_is_cancelled(connected: Connected) -> None:
    house = await connected(HOLD)
    one = await fork(house, 1, [KIM])
    await house.press(await house.link(ANN, "Held"), "cancel", confirm=one.queue_id)
    house.service.intake._forks._budget = timedelta()
    assert (await fork(house, 2, [MO])).queue_id == one.queue_id
    assert (await house.copy(one.queue_id, MO)).state is State.CANCELLED


async def test_a_list_whose_members_come_did_not_go_elsewhere(open_house: OpenHouse) -> None:
    team = {"lists": {"team@corp.example": {"members": [LEE, BOB]}}}
    house = await open_house(rules=HOLD, config={"smtp": {"listeners": [LISTENER]}}, more_people=team)
    one = await fork(house, 1, [KIM, LEE], to=[KIM, "team@corp.example", BOSS])
    assert (await house.mail(one.queue_id)).inside == (BOSS,)


async def test_without_a_connector_nobody_is_out_of_reach(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await house.submit(forked(1, to=[KIM, LEE]), [KIM])
    again = await house.submit(forked(2, to=[KIM, LEE]), [MO])
    assert len(await mails(house)) == 2, "a client's two mails are two"
    assert "Not through here" not in (await house.page(await house.link(ANN, "Held"))).words
    assert again.code == 250
