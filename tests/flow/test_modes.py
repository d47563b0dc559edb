"""What docs/modes.md says of each story and mode, played: yes is a story that ends as it must, anything else is not."""

import re
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from mailguard.demo.stage import Stage, StoryError
from mailguard.demo.stories import STORIES, Story, history
from tests.flow.conftest import OpenHouse

DOCUMENT = Path(__file__).parents[2] / "docs" / "modes.md"
LISTENER = {"bind": "127.0.0.1:0", "mode": "connector", "tls": "none"}
WAYS = {"submission": 0, "connector": 1, "connector, only what goes out": 2}
"""Columns of the table."""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Connected(Stage):
    """A mail system that passes each recipient's copy in a transaction of its own, the second without a sender."""

    all: bool  # else it delivers inside by itself

    def _submit(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        said = ""
        for number, recipient in enumerate(recipients):
            own = b"Received: from mailbox by outbound (%d)\r\n" % next(_numbers)
            if self.all or not recipient.endswith("@corp.example"):
                port, mail_from = self.service.smtp.ports[0], "" if number == 1 else sender
                answer = _pass(port, mail_from, recipient, own + content)
                said = said or answer
            else:
                _pass(self.world.port, sender, recipient, content)
        return said or "250 0000000000000"


def _pass(port: int, sender: str, recipient: str, content: bytes) -> str:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo()
        client.mail(sender)
        client.rcpt(recipient)
        code, text = client.data(content)
    return f"{code} {text.decode()}"


def promised(story: Story, way: str) -> bool:
    row = re.search(rf"^\| {story.number}\. [^|]+\|(.+)\|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert row, f"{DOCUMENT.name} says nothing of story {story.number}"
    said = row[1].split("|")[WAYS[way]].strip()
    assert re.match(r"(yes|no)\b", said), said
    return said.startswith("yes")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
async def test_a_story_does_in_each_mode_what_the_page_says(open_house: OpenHouse, story: Story, way: str) -> None:
    if way == "submission":
        house = await open_house()
        stage = house.stage
    else:
        house = await open_house(config={"smtp": {"listeners": [LISTENER]}})
        stage = Connected(house.service, house.world, house, all=way == "connector")
    await history(stage)
    sent = await story.begin(stage)
    if promised(story, way):
        assert await story.play(stage, sent)
    else:
        with pytest.raises(StoryError):
            await story.play(stage, sent)
