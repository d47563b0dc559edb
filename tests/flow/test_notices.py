"""What people are told: when, how often, and never more than they should see."""

import re
from email.utils import parsedate_to_datetime

import pytest

from mailguard.errors import TemporaryFailure
from mailguard.records import State
from mailguard.testing import eventually
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, ASSISTANT, BOB, CEO, DELAY, HOLD, KIM, POSTMASTER, letter, routes
from tests.unit.courier.peer import SILENT, Peer

RISKY = DELAY.replace("id: wait,", "id: wait, severity: high,")
SHORT = DELAY.replace("5m", "1m")


@pytest.mark.parametrize(
    ("delayed", "rules", "told"),
    [
        ("always", DELAY, True),
        ("risky", DELAY, False),
        ("risky", RISKY, True),
        ("risky", DELAY.replace("[{delay: 5m}]", "[{delay: 5m}, {notify: {to: sender}}]"), True),
        ("never", RISKY, False),
    ],
)
async def test_a_delay_is_told_as_the_administrator_chose(
    open_house: OpenHouse, delayed: str, rules: str, told: bool
) -> None:
    house = await open_house(rules=rules, config={"notices": {"delayed": delayed}})
    await house.send()
    await house.quiet()
    assert [n.subject for n in house.notices(ANN)] == (["Leaves 10:05: Quote"] if told else [])


async def test_a_wait_shorter_than_the_minimum_is_not_told(open_house: OpenHouse) -> None:
    house = await open_house(rules=SHORT, config={"notices": {"minimum": "2m"}})
    await house.send()
    await house.wait(minutes=2)
    assert not house.notices(ANN)
    assert len(house.arrived(KIM)) == 1


async def test_a_notice_threads_under_its_mail_and_cannot_be_answered_by_a_machine(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    await house.send(Message_ID="<the-one@corp.example>")
    message = (await house.notice(ANN, "Leaves ")).message
    assert message["In-Reply-To"] == message["References"] == "<the-one@corp.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"].addresses[0].addr_spec == "mailguard@corp.example"
    assert (parsedate_to_datetime(message["Expires"]) - house.clock.now()).total_seconds() == pytest.approx(300, abs=2)
    assert {part.get_content_type() for part in message.walk()} >= {"text/plain", "text/html"}


async def test_a_burst_becomes_one_digest_in_which_each_mail_has_its_link(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD, config={"notices": {"digest": {"over": 3, "within": "2m"}}})
    for number in range(12):
        await house.send(subject=f"Number {number}.")
    await house.wait(minutes=5)
    notices = house.notices(ANN)
    assert len(notices) <= 4
    together = "\n".join(notice.text for notice in notices)
    assert all(f"Number {number}." in together for number in range(12))
    assert together.count("/m/") >= 12
    assert all("/m/" not in notice.subject for notice in notices)
    digests = [notice.text for notice in notices if "held" in notice.subject.lower() and "mails" in notice.subject]
    assert any("Number 11." in digest for digest in digests)  # how many came before the first is a matter of pace


async def test_automatic_mail_is_never_told_of_to_its_machine(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    raw = letter("daemon@corp.example", Auto_Submitted="auto-replied")
    assert (await house.submit(raw, sender="")).code == 250
    await house.wait(minutes=6)
    assert len(house.world.caught) == 1, "the mail itself, and nothing else"


async def test_nothing_is_told_to_an_address_outside_our_domains(open_house: OpenHouse) -> None:
    """A trusted network may send for others; their mail is judged, and the fallback person answers for it."""
    listener = {
        "bind": "127.0.0.1:0", "tls": "none", "auth": "none", "networks": ["127.0.0.0/8"],
        "senders": ["*@partner.example"],
    }  # fmt: skip
    house = await open_house(rules=HOLD, config={"smtp": {"listeners": [listener]}})
    await house.send(sender="otto@partner.example")
    assert (await house.notice(POSTMASTER, "Held: Quote")).recipients == (POSTMASTER,)
    await house.wait(hours=30)
    assert not house.world.to("otto@partner.example")


async def test_nobody_may_send_as_the_one_who_writes_the_notices(open_house: OpenHouse) -> None:
    house = await open_house(rules=DELAY)
    forged = "mailguard@corp.example"
    assert (await house.submit(letter(forged), sender=forged)).code == 550
    assert (await house.submit(letter(forged))).code == 550
    assert (await house.submit(letter(Sender=forged))).code == 550
    await house.quiet()
    assert not house.world.caught


async def test_a_notice_that_cannot_be_delivered_is_tried_again_and_counted(open_house: OpenHouse, peer: Peer) -> None:
    peer.answers["RCPT"] = "451 4.2.1 the mailbox is asleep"
    house = await open_house(rules=HOLD, config=routes(corp_example=peer.port))
    await house.send()
    await house.wait(minutes=4)
    assert (await house.service.health.said())["notices_undelivered"] == 0, "five minutes are given"
    await house.wait(minutes=2)
    assert (await house.service.health.said())["notices_undelivered"] == 1
    assert b"mailguard_notices_undelivered 1.0" in await house.service.health.scrape()
    assert len(house.log_lines("notice.deferred")) >= 3
    peer.answers.clear()
    await house.wait(minutes=15)
    assert [arrived.rcpts for arrived in peer.arrived] == [[f"RCPT TO:<{ANN}> NOTIFY=NEVER"]]
    assert (await house.service.health.said())["notices_undelivered"] == 0
    (line,) = house.log_lines("notice.sent")
    assert line["kinds"] == ["held"]


@pytest.mark.parametrize("answer", ["451 4.2.1 later", "550 5.1.1 nobody of that name"])
async def test_a_hold_whose_notice_failed_never_ends_in_discard(open_house: OpenHouse, peer: Peer, answer: str) -> None:
    peer.answers["RCPT"] = answer
    rules = HOLD.replace("expires: 24h", "expires: 8h, on_expiry: discard")
    house = await open_house(rules=rules, config=routes(corp_example=peer.port))
    raw = letter()
    queue_id = (await house.submit(raw)).queue_id
    await house.wait(hours=7.9)
    peer.answers.clear()
    await house.wait(hours=3)
    assert (await house.copy(queue_id, KIM)).state is State.CANCELLED
    assert any(raw in arrived.data for arrived in peer.arrived), "it comes back instead"


async def test_minimal_notices_name_no_subject_no_person_and_no_reason(open_house: OpenHouse) -> None:
    house = await open_house(config={"notices": {"preview": "minimal"}})
    await house.send([CEO, KIM], subject="Takeover of Acme")
    await house.send([KIM], subject="Confidential: Acme")
    await house.quiet()
    notices = house.notices(ANN) + house.notices(ASSISTANT)
    assert len(notices) >= 3
    for notice in notices:
        said = notice.subject + " ".join(str(p.get_content()) for p in notice.message.walk() if not p.is_multipart())
        assert not [word for word in ("Acme", "Takeover", KIM, CEO, "onfidential") if word in said]
    page = await house.page(await house.link(ASSISTANT, "Leaves "))
    assert "Takeover of Acme" in page.words, "the page behind the link does"


async def test_notices_and_pages_speak_the_configured_language(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD, config={"notices": {"language": "pl"}})
    await house.send()
    link = await house.link(ANN, "Quote")
    assert "Held" not in house.notices(ANN)[0].subject
    assert 'lang="pl"' in (await house.page(link)).text


async def test_every_notice_has_its_own_link_and_a_person_keeps_each(open_house: OpenHouse) -> None:
    house = await open_house(rules=HOLD)
    await house.send([KIM], subject="One")
    await house.send([KIM], subject="Two")
    one, two = await house.link(ANN, "Held: One"), await house.link(ANN, "Held: Two")
    assert one != two
    assert "One" in (await house.page(one)).words
    assert "Two" in (await house.page(two)).words


async def test_what_a_rule_tells_others_has_no_power_in_it(open_house: OpenHouse) -> None:
    rules = DELAY.replace("[{delay: 5m}]", f"[{{delay: 5m}}, {{notify: {{to: {BOB}}}}}]")
    house = await open_house(rules=rules)
    await house.send()
    assert "/m/" not in (await house.notice(BOB, "For your information: Quote")).text


async def test_in_a_digest_nobody_loses_one_of_two_powers_over_a_mail(open_house: OpenHouse) -> None:
    """Lex answers for the printer and approves what goes outside: two links, also when they come in one burst."""
    lex = "lex@corp.example"
    house = await open_house(
        rules=HOLD.replace("until: sender_confirms", f"until: {{approved_by: {lex}}}, requires: link"),
        people=[{"address": "printer@corp.example", "service": True, "owner": lex}],
        config={"notices": {"digest": {"over": 1}}},
    )
    queue_ids = [await house.send(sender="printer@corp.example", subject=f"Scan {n}.") for n in (1, 2, 3)]
    await house.wait(minutes=10)
    links = {link for notice in house.notices(lex) for link in re.findall(r"http://\S+/m/[\w-]+", notice.text)}
    for link in links:
        await house.press(link, "send", confirm=[KIM, *queue_ids])
    await house.quiet()
    assert len(house.arrived(KIM)) == 3
    assert len(house.notices(lex)) <= 6


async def test_a_notice_on_the_wire_when_the_process_ended_is_told_at_the_next_start(
    open_house: OpenHouse, peer: Peer
) -> None:
    house = await open_house(rules=HOLD, config=routes(corp_example=peer.port))
    peer.answers["RCPT"] = SILENT
    await house.send()
    await eventually(lambda: "RCPT" in peer.verbs)
    house.running = False
    await house.service.stop(drain=0.01)
    peer.answers.clear()
    await house.restart()
    await house.wait(seconds=1)
    assert len(peer.arrived) == 1, "nobody waits a lease long to hear that a mail is held"


async def test_a_server_that_takes_twenty_minutes_for_a_notice_gets_it_once(open_house: OpenHouse, peer: Peer) -> None:
    house = await open_house(rules=HOLD, config=routes(corp_example=peer.port))
    peer.slow.clear()
    await house.send()
    await peer.started.wait()
    for _ in range(22):
        await house.clock.advance(60)
        await house.look_again()
    peer.slow.set()
    await house.wait(hours=2)
    assert len(peer.arrived) == 1


@pytest.mark.parametrize("verb", ["grant", "settle_notice"])
async def test_a_store_that_is_away_for_a_moment_delays_a_notice_by_moments_and_tells_nobody_twice(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    house = await open_house(rules=HOLD)
    work, tries = getattr(house.service.store, verb), [0]

    async def away_twice(*args: object) -> object:
        tries[0] += 1
        if tries[0] <= 2:
            raise TemporaryFailure("the database is away")
        return await work(*args)

    monkeypatch.setattr(house.service.store, verb, away_twice)
    await house.send()
    await eventually(lambda: tries[0] == 1)
    await house.woken(lambda: tries[0] == 3, within=6)
    await house.wait(hours=7)
    assert len(house.notices(ANN)) == 1
