"""Attached files through a whole service: read by its workers, remembered when sent."""

from email.message import EmailMessage

from tests.extract.containers import zipped
from tests.extract.make_documents import DOCUMENTS
from tests.flow.conftest import OpenHouse
from tests.flow.house import ANN, KIM, LEE, House

RULES = """
version: 1
rules:
  - id: hidden
    when: {recipients: {any: external}, words: {any: [plantedcomment], in: [attachments]}}
    then: [{hold: sender_confirms}]
  - id: program
    when: {attachment: {type: executable}}
    then: [{hold: sender_confirms}]
  - id: elsewhere
    when: {attachment: {known_elsewhere: true}}
    then: [{hold: sender_confirms}]
"""
WARD = "ward@rival.example"


async def holds(house: House, name: str, data: bytes, to: str = KIM) -> list[str]:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ANN, to, "Offer"
    message.set_content("Hello")
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    answer = await house.submit(message.as_bytes().replace(b"\n", b"\r\n"), [to])
    mail = await house.mail(answer.queue_id)
    return [f"{hold.rule}: {hold.reason}" for hold in mail.holds]


async def test_a_word_in_a_comment_of_a_document_holds_the_mail_and_the_reason_says_where(
    open_house: OpenHouse,
) -> None:
    house = await open_house(rules=RULES)
    data = (DOCUMENTS / "text.docx").read_bytes()
    (reason,) = await holds(house, "offer.docx", data)
    assert reason.endswith("“plantedcomment” in a comment of offer.docx")
    assert await holds(house, "offer.docx", data, to=LEE) == []
    assert await holds(house, "offer.rtf", b"{\\rtf1 nothing}") == []


async def test_a_broken_archive_holds_and_its_rule_says_it_could_not_judge(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    data = zipped({"a.txt": b"x" * 100})[:50]
    assert sorted(await holds(house, "a.zip", data)) == [
        "hidden: the rule hidden could not judge this mail", "program: the rule program could not judge this mail",
    ]  # fmt: skip


async def test_a_file_that_went_to_somebody_else_is_held_the_second_time(open_house: OpenHouse) -> None:
    house = await open_house(rules=RULES)
    data = b"an offer " + bytes(2000)
    assert await holds(house, "offer.bin", data) == []
    await house.wait(minutes=1)
    assert await holds(house, "offer.bin", data) == []
    (reason,) = await holds(house, "offer.bin", data, to=WARD)
    assert "so far it went to client.example only" in reason


async def test_the_limits_of_the_configuration_are_those_of_the_workers_and_reading_is_counted(
    open_house: OpenHouse,
) -> None:
    house = await open_house(rules=RULES, config={"attachments": {"text": "1KB"}, "metrics": {"bind": "127.0.0.1:0"}})
    assert await holds(house, "short.txt", b"word " * 100) == []
    assert await holds(house, "long.txt", b"word " * 1000) == ["hidden: the rule hidden could not judge this mail"]
    metrics = house.service.metrics.render().decode()
    assert 'mailguard_attachments_read_total{outcome="read"} 1.0' in metrics
    assert 'mailguard_attachments_read_total{outcome="unreadable"} 1.0' in metrics
    assert "mailguard_attachments_seconds_count 2.0" in metrics
