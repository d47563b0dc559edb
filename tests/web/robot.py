"""A machine that runs JavaScript, follows every link, submits every form and presses every button: a mail scanner."""

import email
import re
from collections import Counter
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Any, Literal

from playwright.async_api import Page, Response

LOADED: Literal["domcontentloaded"] = "domcontentloaded"  # when our script has run: it is deferred, so it runs before
NOTHING_DONE = 422
MOST = 200  # presses on one page: more would be a page that goes on for ever
_ANCHORS = "[...document.querySelectorAll('a[href]:not([href^=\"#\"]), area[href]')].map(link => link.href)"

# What a form does depends on what its mail is like, so it is another form as soon as the mail is another.
_BUTTONS = """
  const about = document.querySelector("main")?.dataset.pulse ?? document.querySelector("h1")?.textContent;
  const buttons = form => [...form.elements].filter(each => each.type === "submit" || each.type === "image");
  const found = [...document.forms].flatMap((form, place) => (buttons(form).length ? buttons(form) : [null]).map(
    (button, nth) => ({key: [about, form.method, form.action, nth].join(" "), place, nth, lets: form.checkValidity()})
  ));
"""

# Everything that needs no other page is pressed at once; whose form the browser lets through comes after the others,
# the last first: what stands at the top, and most likely changes the mail, is pressed when all else was.
_LOOK = f"""pressed => {{ {_BUTTONS}
  const fresh = found.filter(each => !pressed.includes(each.key));
  const still = [...document.querySelectorAll("button, summary, [role=button], [onclick]")].filter(each => !each.form);
  const refused = fresh.filter(each => !each.lets);
  if (fresh.length) still.forEach(each => each.click());
  refused.forEach(each => buttons(document.forms[each.place])[each.nth]?.click());
  return {{
    next: refused[0] ?? fresh.at(-1) ?? null, links: {_ANCHORS},
    clicks: fresh.length ? still.length + refused.length : 0,
  }};
}}"""

# The second time past the browser's own checks.
_PRESS = f"""({{place, nth, lets}}) => {{ {_BUTTONS}
  const form = document.forms[place], button = buttons(form)[nth];
  if (lets && button) button.click(); else form.submit();
}}"""


@dataclass
class Tally:
    """What was done, and what it was answered."""

    notices: int = 0
    links: int = 0
    forms: int = 0
    buttons: int = 0
    answers: Counter[int] = field(default_factory=Counter)  # to forms, by status

    def __str__(self) -> str:
        return (
            f"{self.notices} notices, {self.links} links followed, {self.forms} forms submitted, "
            f"{self.buttons} buttons pressed"
        )


@dataclass
class Robot:
    """One tab of it. Tabs share what they count and which addresses one of them has seen."""

    page: Page
    site: str
    tally: Tally = field(default_factory=Tally)
    seen: set[str] = field(default_factory=set)
    spares: str = "nothing"  # the end of an action that is never pressed

    async def open(self, raw: bytes) -> int:
        """Go wherever the notice leads to; how many links are in it."""
        self.tally.notices += 1
        links = await self._links_in(raw)
        for link in links:
            await self.explore(link)
        return len(links)

    async def explore(self, link: str) -> None:
        """The page behind the link and every page of ours that this leads to, with everything on them pressed."""
        todo = [link]
        while todo:
            at = todo.pop().partition("#")[0]
            if at.startswith(self.site) and at not in self.seen:
                self.seen.add(at)
                self.tally.links += 1
                todo += await self.press_everything(at)

    async def press_everything(self, at: str) -> set[str]:
        """On this page and those that answer; the links that were on any of them."""
        links, pressed, current = set[str](), list[str](), True
        await self._go(at)
        for _ in range(MOST):
            found: dict[str, Any] = await self.page.evaluate(_LOOK, pressed)
            links.update(found["links"])
            self.tally.buttons += found["clicks"]
            if found["next"] is not None:
                pressed.append(found["next"]["key"])
                if self.spares not in found["next"]["key"]:
                    answer = await self._press(found["next"])
                    current = self.page.url == at or (current and answer == NOTHING_DONE)
            elif current:
                return links
            else:  # nothing on the answer is left: is there anything on the page itself?
                await self._go(at)
                current = True
        raise AssertionError(f"{at} has no end of buttons")

    async def _go(self, at: str) -> None:
        await self.page.goto(at, wait_until=LOADED)

    async def _press(self, button: dict[str, Any]) -> int:
        """The status of what comes then."""
        async with self.page.expect_navigation(wait_until=LOADED) as waited:
            await self.page.evaluate(_PRESS, button)
        answer: Response | None = await waited.value
        assert answer is not None
        self.tally.answers[answer.status] += 1
        self.tally.forms += 1
        self.tally.buttons += button["lets"]
        return answer.status

    async def _links_in(self, raw: bytes) -> list[str]:
        """Those of the HTML as the browser finds them, and those of the text."""
        message = email.message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        markup, text = message.get_body(("html",)), message.get_body(("plain",))
        assert markup is not None
        assert text is not None
        await self.page.set_content(markup.get_content())
        found: list[str] = await self.page.evaluate(_ANCHORS)
        return list(dict.fromkeys([*found, *re.findall(r"https?://\S+", text.get_content())]))
