"""Approvals from the page of what waits for somebody's word, through the whole service."""

import re

from mailguard.records import State
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, ASSISTANT, BOB, CEO, KIM, LEE, House, Shown
from tests.flow.test_approval import LEX, approve, approved_by, code
from tests.flow.test_audit import command

RIGHTS = {"access": {"approver": [BOB]}}


class Person:
    """Somebody signed in, in a browser of their own."""

    def __init__(self, house: House, address: str) -> None:
        self.house, self.address = house, address
        self.url = house.config.web.url

    async def sign_in(self) -> "Person":
        client = self.house._client
        client.cookies.clear()
        await client.get(f"{self.url}/outbox")
        await client.post(f"{self.url}/outbox/sign-in", data={"address": self.address})
        form = {"address": self.address, "code": await code(self.house, self.address)}
        answer = await client.post(f"{self.url}/outbox/code", data=form)
        assert answer.status_code == 303
        return self

    async def queue(self) -> str:
        return (await self.house.page(f"{self.url}/approvals")).words

    def mail(self, queue_id: str) -> str:
        return f"{self.url}/approvals/{queue_id}"

    async def post(self, path: str, **fields: str) -> Shown:
        answer = await self.house._client.post(f"{self.url}/approvals/{path}", data=fields, follow_redirects=True)
        return Shown(answer.status_code, answer.text)


async def test_the_right_to_approve_goes_for_every_hold_but_ones_own(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX), config=RIGHTS)
    anns, bobs = await house.send(subject="Ann's"), await house.send(sender=BOB, subject="Bob's")
    bob = await Person(house, BOB).sign_in()
    queue = await bob.queue()
    assert "Ann's" in queue
    assert "Bob's" not in queue
    assert (await house.page(bob.mail(bobs))).status == 404
    assert (await house.press(bob.mail(anns), "send", confirm=KIM)).status == 200
    await house.quiet()
    assert (await house.copy(anns, KIM)).state is State.SENT
    assert (await house.copy(bobs, KIM)).state is State.HELD
    assert f"{BOB} approved" in (await house.notice(ANN, "Approved: Ann's")).text


async def test_who_may_approve_by_right_reads_the_mail_only_with_the_right_to_read(open_house: OpenHouse) -> None:
    for content, status in (([], 404), ([BOB], 200)):
        house = await open_house(rules=approved_by(LEX), config={"access": {"approver": [BOB], "content": content}})
        queue_id = await house.send(body="The secret of the month.\r\n")
        bob = await Person(house, BOB).sign_in()
        assert (await house.page(bob.mail(queue_id))).status == 200
        shown = await house.page(f"{bob.mail(queue_id)}/text")
        assert shown.status == status
        assert ("secret of the month" in shown.words) is bool(content)
        lex = await Person(house, LEX).sign_in()
        assert "secret of the month" in (await house.page(f"{lex.mail(queue_id)}/text")).words


async def test_of_two_approvals_the_right_is_one(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(f"[{LEX}, {LEE}], of: 2"), config=RIGHTS)
    queue_id = await house.send()
    bob = await Person(house, BOB).sign_in()
    for _ in range(2):
        await house.press(bob.mail(queue_id), "send", confirm=KIM)
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    await approve(house, await house.link(LEX, "Approve? Quote"), LEX, KIM)
    await house.quiet()
    assert (await house.copy(queue_id, KIM)).state is State.SENT


async def test_sent_back_it_comes_home_with_the_words(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    queue_id = await house.send(body="The old price list.\r\n")
    link = await house.link(LEX, "Approve? Quote")
    assert (await house.press(link, "send-back", comment="Use the new list.")).status == 422
    assert (await house.copy(queue_id, KIM)).state is State.HELD
    assert (await house.press(link, "send-back", comment="Use the new list.", confirm=queue_id)).status == 200
    notice = await house.notice(ANN, "Not approved: Quote")
    assert f"{LEX} did not approve your mail" in notice.text
    assert "Use the new list." in notice.text
    assert b"The old price list." in notice.raw
    assert (await house.copy(queue_id, KIM)).state is State.CANCELLED
    assert not house.arrived(KIM)


async def test_an_assistants_comment_is_a_note_to_the_sender_and_nobody_in_bcc_is_seen(house: House) -> None:
    queue_id = await house.send([CEO], bcc=[LEE])
    await house.quiet()
    assistant = await Person(house, ASSISTANT).sign_in()
    shown = await house.page(assistant.mail(queue_id))
    assert CEO in shown.words
    assert LEE not in shown.words + await assistant.queue()
    await house.press(assistant.mail(queue_id), "comment", comment="Is this the right file?")
    notice = await house.notice(ANN, "A comment on your mail")
    assert f"{ASSISTANT} looked at your mail and writes: “Is this the right file?”" in notice.text
    assert "message.commented" in await house.events(queue_id)
    assert "right file" not in house.log.getvalue()
    await house.wait(minutes=6)
    assert (await house.copy(queue_id, CEO)).state is State.SENT
    assert (await house.page(assistant.mail(queue_id))).status == 404


async def test_of_an_executive_in_bcc_the_list_says_nothing(house: House) -> None:
    await house.send([LEE], bcc=[CEO])
    await house.quiet()
    queue = await (await Person(house, ASSISTANT).sign_in()).queue()
    assert CEO not in queue


async def test_who_is_away_is_not_asked_for_new_mail_also_after_a_restart(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX), config={"access": {"admin": [LEX]}})
    before = await house.send(subject="Before")
    lex = await Person(house, LEX).sign_in()
    assert (await lex.post("absence", to=BOB, **{"from": "2026-11-23", "until": "2026-11-24"})).status == 200
    assert f"{LEX}: {BOB} is asked from 2026-11-23 to 2026-11-24" in await lex.queue()
    await house.restart()
    await house.reload()
    during, bobs = await house.send(subject="During"), await house.send(sender=BOB, subject="Bob's")
    await house.quiet()
    assert [n.subject for n in house.notices(BOB) if "Held" not in n.subject] == [
        f"You are asked instead of {LEX} from 2026-11-23 to 2026-11-24", "Approve? During",
    ]  # fmt: skip
    assert re.findall(r"Approve\? \w+", " ".join(n.subject for n in house.notices(LEX))) == [
        "Approve? Before", "Approve? Bob",
    ]  # fmt: skip
    for queue_id in (before, during, bobs):
        assert (await house.copy(queue_id, KIM)).state is State.HELD
    await house.wait(hours=47)
    late = await house.send(subject="Afterwards")
    assert (await house.mail(late)).open_holds[0].approvers == (LEX,)


async def test_the_administrators_delegate_goes_before_ones_own(open_house: OpenHouse) -> None:
    people = [{"address": LEX, "delegate": {"to": LEE}}]
    house = await open_house(rules=approved_by(LEX), people=people)
    lex = await Person(house, LEX).sign_in()
    await lex.post("absence", to=BOB, **{"from": "2026-11-23", "until": "2026-11-24"})
    assert (await house.mail(await house.send())).open_holds[0].approvers == (LEE,)


async def test_an_erased_person_is_neither_away_nor_stands_in_and_nothing_says_they_did(open_house: OpenHouse) -> None:
    house = await open_house(rules=approved_by(LEX))
    day = {"from": "2026-11-23", "until": "2026-11-24"}
    for person, to in ((LEX, BOB), (LEE, BOB), (ANN, LEE)):
        await (await Person(house, person).sign_in()).post("absence", to=to, **day)
    await house.quiet()
    await command(house, "audit", "erase", BOB, "--yes")
    assert {who: said.to for who, said in house.service.desk.absences.now.items()} == {ANN: LEE}
    assert BOB not in (await command(house, "audit", "export")).stdout
    await house.restart()
    assert {who: said.to for who, said in house.service.desk.absences.now.items()} == {ANN: LEE}
    assert (await house.mail(await house.send())).open_holds[0].approvers == (LEX,)
