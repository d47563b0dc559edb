"""What rules change in a mail, as it arrives: those bytes, and every other byte as it was handed in."""

import re

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, ASSISTANT, CEO, KIM, LEE, MO, House, letter

SIGNED = "v=1; a=rsa-sha256; d=corp.example; s=x; h=From:To:Cc:Subject; bh=x; b=y"
_TRACE = re.compile(rb"\AReceived: from .*?; [^\n]*\r\n", re.DOTALL)


def policy(when: str, then: str) -> str:
    return f"version: 1\nrules:\n  - {{id: change, when: {when}, then: {then}}}\n"


def left(house: House, recipient: str) -> bytes:
    """What arrived at this recipient, without our own trace field."""
    (caught,) = house.arrived(recipient)
    rest = _TRACE.sub(b"", caught.raw)
    assert rest != caught.raw
    return rest


async def test_many_clients_become_bcc_and_do_not_see_each_other(open_house: OpenHouse) -> None:
    house = await open_house(rules=policy("{recipient_count: {at_least: 2, of: external}}", "[{to_bcc: true}]"))
    raw = letter(to=f"Kim <{KIM}>, {LEE}", cc=MO)
    queue_id = (await house.submit(raw, [KIM, LEE, MO])).queue_id
    await house.quiet()
    expected = raw.replace(f"Kim <{KIM}>, ".encode(), b"").replace(f"Cc: {MO}\r\n".encode(), b"")
    assert expected != raw
    for recipient in (KIM, LEE, MO):
        assert left(house, recipient) == expected
    copies = {d.address: d.visible for d in (await house.mail(queue_id)).deliveries}
    assert copies == {KIM: False, LEE: True, MO: False}


async def test_a_mail_whose_recipients_are_all_hidden_names_nobody(open_house: OpenHouse) -> None:
    house = await open_house(rules=policy("{always: true}", "[{to_bcc: all}]"))
    raw = letter(to=f"{KIM}, {MO}")
    await house.submit(raw, [KIM, MO])
    await house.quiet()
    expected = b"To: undisclosed-recipients:;\r\n" + raw.replace(f"To: {KIM}, {MO}\r\n".encode(), b"")
    assert left(house, KIM) == left(house, MO) == expected


async def test_a_signed_mail_is_held_instead_of_naming_them_and_the_page_says_why(open_house: OpenHouse) -> None:
    house = await open_house(rules=policy("{always: true}", "[{to_bcc: all}]"))
    raw = letter(to=f"{KIM}, {MO}", DKIM_Signature=SIGNED)
    queue_id = (await house.submit(raw, [KIM, MO])).queue_id
    link = await house.link(ANN, "Held: Quote")
    page = (await house.page(link)).words
    assert "cannot leave To and Cc, because the header is signed" in page
    assert not house.arrived(KIM)
    await house.press(link, "send", confirm=[KIM, MO])  # the sender says that it may be seen
    await house.quiet()
    assert left(house, KIM) == raw
    assert (await house.copy(queue_id, MO)).state is State.SENT


async def test_who_is_dropped_gets_nothing_and_the_sender_is_told(open_house: OpenHouse) -> None:
    house = await open_house(rules=policy("{to: {any: {domain: rival.example}}}", "[{drop: true}]"))
    raw = letter(to=f"{KIM}, {MO}")
    queue_id = (await house.submit(raw, [KIM, MO])).queue_id
    told = await house.notice(ANN, "Not sent to everybody: Quote")
    assert MO in told.text
    assert "rival.example" in told.text
    assert left(house, KIM) == raw.replace(f", {MO}".encode(), b"")
    assert not house.arrived(MO)
    gone = await house.copy(queue_id, MO)
    assert (gone.state, gone.reason) == (State.CANCELLED, "dropped by change")
    assert "recipient.dropped" in await house.events(queue_id)
    assert (await house.mail(queue_id)).state is State.SENT
    (line,) = house.log_lines("message.evaluated")
    assert (line["changes"], line["dropped"]) == (["drop"], 1)


async def test_a_mail_to_nobody_but_the_dropped_is_refused_at_once(open_house: OpenHouse) -> None:
    house = await open_house(rules=policy("{to: {any: external}}", "[{drop: true}]"))
    answer = await house.submit(letter(), [KIM])
    assert answer.code == 550
    assert "nobody would be left to send it to" in answer.text


async def test_a_dropped_recipient_stays_dropped_while_the_rest_is_held_and_after(open_house: OpenHouse) -> None:
    rules = policy("{to: {any: {domain: rival.example}}}", "[{drop: true}, {hold: sender_confirms}]")
    house = await open_house(rules=rules)
    raw = letter(to=f"{KIM}, {MO}")
    queue_id = (await house.submit(raw, [KIM, MO])).queue_id
    assert await house.states(queue_id) == {KIM: State.HELD, MO: State.CANCELLED}
    link = await house.link(ANN, "Held: Quote")
    shown = (await house.page(link)).words
    assert f"Taken out of To and Cc: {MO}" in shown
    await house.press(link, "send", confirm=[KIM, MO])
    await house.quiet()
    assert await house.states(queue_id) == {KIM: State.SENT, MO: State.CANCELLED}
    assert left(house, KIM) == raw.replace(f", {MO}".encode(), b"")


async def test_subject_and_header_are_changed_and_the_page_says_so_before(open_house: OpenHouse) -> None:
    then = "[{delay: 5m}, {subject: {prefix: '[EXT]'}}, {add_header: {name: X-Class, value: outside}}]"
    house = await open_house(rules=policy("{to: {any: external}}", then), config={"notices": {"delayed": "always"}})
    raw = letter(body="Zażółć\r\n.\r\n..dots\r\n")
    await house.submit(raw, [KIM])
    page = (await house.page(await house.link(ANN, "Leaves"))).words
    assert "The subject begins with [EXT]" in page
    assert "Added to the header: X-Class: outside" in page
    await house.wait(minutes=5)
    assert left(house, KIM) == b"X-Class: outside\r\n" + raw.replace(b"Subject: Quote", b"Subject: [EXT] Quote")
    (line,) = house.log_lines("message.evaluated")
    assert line["changes"] == ["prefix", "add"]


async def test_a_signed_mail_keeps_its_subject_and_the_page_says_so(open_house: OpenHouse) -> None:
    then = "[{delay: 5m}, {subject: {prefix: '[EXT]'}}]"
    house = await open_house(rules=policy("{to: {any: external}}", then), config={"notices": {"delayed": "always"}})
    raw = letter(DKIM_Signature=SIGNED)
    await house.submit(raw, [KIM])
    assert "the mail is signed, and must not be changed" in (await house.page(await house.link(ANN, "Leaves"))).words
    await house.wait(minutes=5)
    assert left(house, KIM) == raw


async def test_the_page_of_a_signed_mail_says_that_the_assistant_is_not_in_cc(open_house: OpenHouse) -> None:
    house = await open_house()
    raw = letter(to=CEO, DKIM_Signature=SIGNED)
    await house.submit(raw, [CEO])
    await house.quiet()
    assert left(house, ASSISTANT) == raw
    page = await house.page(await house.link(ANN, "Leaves"))
    assert f"{ASSISTANT} gets a copy and is not shown in Cc" in page.words
