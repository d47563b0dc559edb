"""Nothing that a person reads is left in English: every page and every notice in a language that marks its words."""

import email
import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from email import policy
from gettext import NullTranslations
from html import unescape
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext

from mailguard.locale import Language, language
from mailguard.records import NoticeKind, Power
from tests.web.house import ANN, PAT, House
from tests.web.openid import NAME, house_with
from tests.web.screenshots import PAGES, WAYS, Step, places
from tests.web.walking import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_DATE = re.compile(r"[EdMy ]+")  # how a day is written is no sentence
_GAP = re.compile(r"(\{\w+\})")
_MARKED = re.compile(r"⟦[^⟦⟧]*⟧")
_HIDDEN = re.compile(
    r"(?s)<(style|script|code|pre|textarea)\b.*?</\1>|<dt><code>.*?</dd>|<!--.*?-->"
)  # a program's words, a record's, or a person's
_SHOWN = re.compile(r'\b(?:alt|title|placeholder|aria-label)="([^"]*)"|>([^<>]+)')
# What stands on a page and is nobody's sentence: addresses, numbers, dates and spans as Babel writes them, ids, sizes …
_THINGS = re.compile(
    r"[\w.+-]+@[\w.-]+|<[^>]*>|https?://\S+|\b[0-9A-F]{7,}\b|\b[0-9a-f]{12,}\b|\d+(?::\d+)+|\d+[\d,.]*"
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
    r"|\b(?:in )?\d* ?(?:second|minute|hour|day|week|month|year)s?(?: ago)?\b|\bCET\b|\bKB\b|\bMB\b|\bGB\b"
)
# The house's own words: subjects, texts and files of mails, rules and what they say, what was answered by a server
_WRITTEN = re.compile(
    "Quote for ACME|Cost cutting|Framework contract|Invoice|Payroll of November|Minutes of (?:Monday|the meeting)|Offer"
    "|The price(?: is)?|Corp login|Strictly Confidential|today|quote.pdf|page.html|application/pdf"
    "|external-delay|unexpected-cc(?:-inside)?|no-contact|executive-assistant|confidential-outside|sick-rule"
    "|has never been on a mail with the others|under a no-contact order|legal hold|first mail to this address"
    "|to change your mind before mail leaves the company|Five|recipients, outside:|recipient outside"
    "|Europe/Warsaw|client.example|hop.example|English|Deutsch|Polski|Phone|Laptop at home"
)
_WHOLE = frozenset({"mailguard", "ok", "ann", "to"})  # where it is all there is


Shown = tuple[str, str, Step]
Found = dict[str, list[str]]


class Marked(NullTranslations):
    """Says each sentence in ⟦…⟧, and what is filled into it outside of them."""

    def gettext(self, message: str) -> str:
        if _DATE.fullmatch(message):
            return message
        return "".join(part if _GAP.fullmatch(part) or not part else f"⟦{part}⟧" for part in _GAP.split(message))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever reads English reads the marked language."""
    monkeypatch.setattr(sys.modules[Language.__module__], "_catalogue", lambda _: Marked())
    language.cache_clear()
    yield
    language.cache_clear()


def left(html: str) -> list[str]:
    """What is read there and was not said."""
    shown = (unescape(" ".join(filter(None, found))) for found in _SHOWN.findall(_HIDDEN.sub(" ", html)))
    return [text for text in (bare(text) for text in shown) if text]


def bare(text: str) -> str:
    things = " ".join(_THINGS.sub(" ", _MARKED.sub(" ", text)).split())
    rest = " ".join(_WRITTEN.sub(" ", things).split())
    return rest if re.search(r"[^\W\d_]{2}", rest) and rest.strip(" .:()-") not in _WHOLE else ""


async def test_the_search_finds_what_was_not_said() -> None:
    assert left('<p title="No">⟦Held⟧: <b>Quote for ACME</b> at 10:05</p><pre>x y</pre>') == ["No", "at"]
    assert left("<p>⟦Held by ⟧the sender</p>") == ["the sender"]


async def read(browser: Browser, house: House, pages: Mapping[str, Shown], where: Mapping[str, str]) -> Found:
    """Of each page, what was not said on it."""
    found, people = {}, dict[str, BrowserContext]()
    for name, (person, place, step) in pages.items():
        if person not in people:
            people[person] = await browser.new_context(java_script_enabled=False)
            if person:
                await sign_in(house, await people[person].new_page(), person)
        page = await people[person].new_page()
        path = place.format(**where)
        await page.goto(path if "://" in path else house.url + path)
        await step(page)
        found[name] = left(await page.content())
        await page.close()
    for context in people.values():
        await context.close()
    return found


async def test_every_page(house: House, tmp_path: Path, chromium: Browser, marked: None) -> None:
    found = await read(chromium, house, PAGES, await places(house, tmp_path))
    (tmp_path / "ways").mkdir()
    async with house_with(tmp_path / "ways", None, web={"passwords": True}, name=NAME) as other:
        found |= await read(chromium, other, WAYS, {})
    assert {name: texts for name, texts in found.items() if texts} == {}


# What stands in a notice's data; each of these has sentences of its own.
TOLD: Mapping[NoticeKind, tuple[Mapping[str, str], ...]] = {
    NoticeKind.RETURNED: ({"by": PAT}, {"by": ANN}, {"by": PAT, "comment": "⟦no⟧"}, {"rejected": "[\"nobody\",{}]"}),
    NoticeKind.EXPIRED: ({"outcome": "return"}, {"outcome": "discard"}, {"outcome": "send"}),
    NoticeKind.COMMENT: ({"by": PAT, "comment": "⟦no⟧"},),
    NoticeKind.ANSWERED: tuple(
        {"outcome": outcome, "verb": verb, "who": PAT, "said": "⟦stop⟧"}
        for outcome in ("done", "already", "too_late", "refused") for verb in ("stop", "send", "drop")
    ),
    NoticeKind.CODE: ({"code": "123456"},),
    NoticeKind.DELEGATE: ({"by": PAT, "from": "2026-12-01", "until": "2026-12-02"}, {"by": PAT, "ended": "yes"}),
    NoticeKind.ALERT: tuple(
        {"about": about, "name": ANN, "why": "⟦drill⟧", "until": "2026-11-23T10:30:00+00:00", "held": "1", "mails": "2"}
        for about in (
            "identity.frozen", "bypass.began", "bypass.ended", "directory.smaller", "directory.refused",
            "directory.silent", "directory.old", "rule.suspected", "aid.reported", "rule.proposed",
            "mail.looped", "connector.tenant", "connector.secret", "connector.sender",
        )
    ),
}  # fmt: skip


async def test_every_notice(house: House, marked: None) -> None:
    mails = (await house.held(), await house.delayed(), await house.for_approval(), await house.to_boss())
    found: Found = {}
    for kind in NoticeKind:
        given = itertools.product(TOLD.get(kind, ({},)), Power, mails)
        said = [await told(house, kind, data, power, number) for data, power, number in given]
        found[kind] = sorted(set().union(*said) - {""})
    assert {kind: texts for kind, texts in found.items() if texts} == {}


async def told(house: House, kind: NoticeKind, data: Mapping[str, str], power: Power, number: str) -> set[str]:
    """What was not said in this notice: in its subject, its text and its HTML."""
    raw = await house.notice(kind, number, f"{house.url}/m/none", data=data, power=power)
    message = email.message_from_bytes(raw, policy=policy.default)
    found = {bare(message["Subject"])}
    for part in message.walk():
        if part.get_content_type() == "text/html":
            found |= set(left(part.get_content()))
        elif part.get_content_type() == "text/plain":
            found |= set(map(bare, part.get_content().splitlines()))
    return found
