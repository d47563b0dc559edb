"""The stories of the product, played with real sockets and a clock moved by hand; the demo plays the same ones."""

import pytest

from mailguard.demo.stories import STORIES, Story, history
from tests.flow.house import House


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
async def test_story_ends_as_it_must(house: House, story: Story) -> None:
    await history(house.stage)
    line = await story.play(house.stage, await story.begin(house.stage))
    assert line
