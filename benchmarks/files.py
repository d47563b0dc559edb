"""A 10 MB mail with five Office files: how long reading it takes, and how long everybody else has to wait meanwhile.

Beside it the same reading on the event loop, which is what a library called where the mail comes in would do.
"""

import asyncio
import io
import random
import time
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage

from mailguard.document import yaml
from mailguard.extract import dispatch
from mailguard.extract.limits import Limits
from mailguard.extract.pool import Pool
from mailguard.history.settings import Learn
from mailguard.intake.facts import gather
from mailguard.mail.attachments import files
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.mail.message import Message
from mailguard.people import Organization, empty
from mailguard.records import Content, Known, Need, Piece
from mailguard.rules import engine, loader
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings

MAIL = 10 << 20
TARGET = 20.0  # milliseconds
RUNS = 7
_RULE = """
version: 1
rules:
  - id: words
    when: {words: {any: [%s], in: [subject, body, attachments]}}
    then: [{delay: 5m}]
"""
_NAMES = ("report.docx", "plan.xlsx", "talk.pptx", "minutes.docx", "figures.xlsx")


@dataclass(frozen=True)
class Reading:
    """`worst`: the longest time the loop was away, in milliseconds."""

    how: str
    seconds: float
    worst: float
    characters: int


def measure() -> list[Reading]:
    raw = _mail()
    return asyncio.run(_measure(raw))


async def _measure(raw: bytes) -> list[Reading]:
    pool, rules = Pool(), _rules()
    await pool.read(Message(raw))  # the workers are up, as they are after the first mail
    quiet = await _best("an idle loop", _idle)
    ours = await _best("mailguard: workers, rules in a thread", lambda: _in_workers(raw, rules, pool))
    await pool.close()
    peer = await _watched("the same on the loop", lambda: _on_the_loop(raw, rules))
    return [quiet, ours, peer]


async def _best(how: str, work: Callable[[], Awaitable[int]]) -> Reading:
    """Of several runs the least disturbed: what else goes on on the machine only ever adds."""
    runs = [await _watched(how, work) for _ in range(RUNS)]
    return min(runs, key=lambda run: run.worst)


async def _idle() -> int:
    await asyncio.sleep(1)
    return 0


async def _in_workers(raw: bytes, rules: RuleSet, pool: Pool) -> int:
    """As intake's judge does it."""
    message = Message(raw)
    await asyncio.to_thread(_judged, message, rules, None)
    contents = await pool.read(message)
    await asyncio.to_thread(_judged, message, rules, contents)
    return _characters(contents)


async def _on_the_loop(raw: bytes, rules: RuleSet) -> int:
    message = Message(raw)
    contents = tuple(_read(part.filename, message.decode(part, MAIL)) for part, _ in files(message))
    _judged(message, rules, contents)
    return _characters(contents)


def _read(name: str, data: bytes) -> Content:
    pieces: list[Piece] = []
    found = dispatch.read(name, "", data, Limits(), lambda *said: pieces.append(Piece(*said)))
    return Content(tuple(found), tuple(pieces))


def _judged(message: Message, rules: RuleSet, contents: tuple[Content | None, ...] | None) -> None:
    envelope = Envelope("ann@corp.example", (Recipient("kim@client.example"),))
    people = empty(Organization(name="Corp", domains=("corp.example",)))
    known = Known(contents=contents)
    who = Identity("ann@corp.example", Proof.LOGIN)
    facts = gather(message, envelope, who, people, known, datetime(2026, 3, 4, tzinfo=UTC), Learn())
    engine.evaluate(rules, facts, HoldSettings(fallback="postmaster@corp.example"))
    assert Need.CONTENTS in facts.wanted


def _rules() -> RuleSet:
    words = ", ".join(f"never{number}" for number in range(2000))
    return loader.parse(
        [yaml.parse(_RULE % words, "bench.yaml")], empty(Organization(name="C", domains=("c.example",)))
    )


def _characters(contents: tuple[Content | None, ...]) -> int:
    unread = [content.unreadable for content in contents if content and content.unreadable]
    assert not unread, unread
    return sum(len(piece.text) for content in contents if content for piece in content.pieces)


async def _watched(how: str, work: Callable[[], Awaitable[int]]) -> Reading:
    worst, done = 0.0, False

    async def watch() -> None:
        nonlocal worst
        while not done:
            asked = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - asked - 0.001)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    characters = await work()
    seconds = time.perf_counter() - began
    done = True
    await watching
    return Reading(how, seconds, worst * 1000, characters)


def _mail() -> bytes:
    """Five files with text of their own and pictures, as people send them."""
    dice = random.Random(1)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@corp.example", "kim@client.example", "Papers"
    message.set_content("Here they are.")
    for name in _NAMES:
        message.add_attachment(_office(name, dice), maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes().replace(b"\n", b"\r\n")


def _office(name: str, dice: random.Random) -> bytes:
    """About 1.5 MB: two thirds pictures, the rest 250,000 characters of text in its form's own markup."""
    words = ["".join(dice.choices("abcdefghijklmnoprstuwzż", k=dice.randrange(2, 11))) for _ in range(40_000)]
    folder, part, before, after = {
        "docx": ("word", "document", "<w:p><w:r><w:t>", "</w:t></w:r></w:p>"),
        "pptx": ("ppt", "slides/slide1", "<a:p><a:r><a:t>", "</a:t></a:r></a:p>"),
        "xlsx": ("xl", "worksheets/sheet1", '<row><c t="inlineStr"><is><t>', "</t></is></c></row>"),
    }[name.rpartition(".")[2]]
    lines = "".join(f"{before}{' '.join(words[at : at + 8])}{after}" for at in range(0, len(words), 8))
    spaces = 'xmlns:w="w" xmlns:a="a"'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        if folder == "xl":
            archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr(f"{folder}/{part}.xml", f"<d {spaces}>{lines}</d>")
        archive.writestr(f"{folder}/media/image1.png", dice.randbytes(1_330_000))
    return out.getvalue()


if __name__ == "__main__":
    for each in measure():
        print(
            f"{each.how}: {each.seconds:.2f} s, loop away at most {each.worst:.1f} ms, {each.characters:,} characters"
        )
