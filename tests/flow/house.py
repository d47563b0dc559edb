"""A whole mailguard in this process, and what a test does with it: send, wait, open pages, stop and start again."""

import asyncio
import heapq
import io
import json
import re
import smtplib
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from mailguard.cli.packaged import default_rules
from mailguard.config import Config, load
from mailguard.demo import site
from mailguard.demo.stage import Stage
from mailguard.demo.world import Caught, OutsideWorld
from mailguard.document import yaml
from mailguard.mail.address import key
from mailguard.records import Delivery, Mail, State
from mailguard.service import Service
from mailguard.store.base import Filter
from mailguard.testing import FakeClock, eventually, make_message

ANN, BOB, LEE, BOSS = "ann@corp.example", "bob@corp.example", "lee@corp.example", "boss@corp.example"
KIM, MO = "kim@client.example", "mo@rival.example"
CEO, ASSISTANT = "ceo@corp.example", "assistant@corp.example"
POSTMASTER = "postmaster@corp.example"

DELAY = """
version: 1
rules:
  - {id: wait, when: {recipients: {any: external}}, then: [{delay: 5m}]}
"""
"""Mail to the outside waits five minutes."""

HOLD = """
version: 1
rules:
  - {id: ask, when: {recipients: {any: external}}, then: [{hold: {until: sender_confirms, expires: 24h}}]}
"""
"""Mail to the outside waits for its sender."""

_LINK = re.compile(r"http://\S+/m/[\w-]+")
_SEEN = re.compile(r'name="seen"\s+value="([^"]+)"')
_QUEUE_ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{13}\b")
_ID_IN_RECEIVED = re.compile(rb"\(mailguard\).*?\s+id ([0-9A-Z]{13});", re.DOTALL)
_numbers = count(1)


def letter(sender: str = ANN, to: str = KIM, *, cc: str = "", subject: str = "Quote", **headers: str) -> bytes:
    """A small message with a Message-ID of its own; header names with `_` for `-`; `body` is the text."""
    body = headers.pop("body", "Hello,\r\n\r\nhere is the quote.\r\n")
    headers.setdefault("Message_ID", f"<letter-{next(_numbers)}@corp.example>")
    return make_message(sender, to, cc=cc, subject=subject, body=body, **headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the SMTP server said to the final dot."""

    code: int
    text: str

    @property
    def queue_id(self) -> str:
        found = _QUEUE_ID.search(self.text)
        assert self.code == 250, f"{self.code} {self.text}"
        assert found, self.text
        return found[0]


@dataclass(frozen=True, slots=True)
class Shown:
    """A page."""

    status: int
    text: str

    @property
    def words(self) -> str:
        """What a person reads, on one line."""
        main = re.sub(r"(?s)<(style|title)[^>]*>.*?</\1>", " ", self.text)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


class LeapingClock(FakeClock):
    """Leaps to the end of a span and wakes there whoever should have woken in it: days take no longer than minutes."""

    async def advance(self, seconds: float) -> None:
        end = self._elapsed + seconds
        self._move_to(end)
        for _ in range(bisect_right(sorted(at for at, *_ in self._sleepers), end)):
            waiter = heapq.heappop(self._sleepers)[2]
            if not waiter.done():
                waiter.set_result(None)
        await asyncio.sleep(0)


@dataclass
class House:
    """What a flow test plays with. It may be stopped and started again on the same store."""

    config: Config
    world: OutsideWorld
    clock: FakeClock
    log: io.StringIO = field(default_factory=io.StringIO)
    running: bool = False
    undecided: bool = False  # the test keeps a mail from being decided

    def __post_init__(self) -> None:
        self._client = httpx.AsyncClient(trust_env=False, verify=False)
        self._build()

    def _build(self) -> None:
        self.service = Service(self.config, self.clock, self.log)
        self.stage = Stage(self.service, self.world, self)
        self._rounds, self._in_round = 0, False
        work = self.service.scheduler._round

        async def watched(now: datetime) -> bool:
            self._rounds, self._in_round = self._rounds + 1, True
            try:
                return await work(now)
            finally:
                self._in_round = False

        self.service.scheduler._round = watched  # type: ignore[method-assign]

    # life
    async def start(self) -> None:
        await self.service.start()
        self.running = True

    async def stop(self) -> None:
        if self.running:
            self.running = False
            await self.service.stop(drain=2.0)

    async def restart(self, *, away: float = 0.0) -> None:
        """A new process on the same store, as far as one process can have two lives; so many seconds later."""
        await self.stop()
        await self.clock.advance(away)
        self._build()
        self.undecided = False
        await self.start()

    async def close(self) -> None:
        await self.stop()
        await self._client.aclose()

    async def reload(self) -> str:
        return await self.service.reload("test")

    def write_rules(self, text: str) -> None:
        """Replace this house's rule file; live after a reload."""
        (self.config.path.parent / "rules" / "50-house.yaml").write_text(text, "utf-8")

    # time
    async def wait(self, **span: float) -> None:
        """Let this much time pass, stopping wherever something is due; all of it is done when this returns."""
        end = self.clock.now() + timedelta(**span)
        await self.quiet()
        while (now := self.clock.now()) < end:
            due = await self.service.store.next_due()
            target = min(due, end) if due else end
            await self.clock.advance(max((target - now).total_seconds(), 1e-6))
            await self.look_again()
            await self.quiet()

    async def woken(self, done: Callable[[], bool], within: float = 60.0) -> None:
        """Time passes in small steps until what sleeps has woken and `done`; nothing tells a test that it sleeps."""
        for _ in range(int(within / 0.5)):
            if done():
                return
            await self.clock.advance(0.5)
            await asyncio.sleep(0.02)
        raise AssertionError(f"not done after {within} s")

    async def look_again(self) -> None:
        """One whole round of the scheduler that began after now."""
        before = self._rounds
        self.service.scheduler.wake()
        await eventually(lambda: self._rounds > before and not self._in_round)

    async def pass_by(self, minutes: float) -> None:
        """As the stories let time pass."""
        await self.wait(minutes=minutes)

    async def quiet(self) -> None:
        """Until nothing is due, nothing is on the wire and nothing is still being decided."""

        async def still() -> bool:
            if self._busy():
                return False
            rounds, now = self._rounds, self.clock.now()
            due = await self.service.store.next_due()
            counts = await self.service.store.counts(now)
            waits = (due is None or due > now) and not counts.deliveries.get(State.SENDING)
            return waits and rounds == self._rounds and not self._busy()

        await eventually(still)

    def _busy(self) -> bool:
        service = self.service
        late = service.intake._late and not self.undecided
        return bool(self._in_round or service.departures.postman._tasks or service.scheduler._tasks or late)

    # sending
    async def submit(
        self, raw: bytes, to: Sequence[str] = (KIM,), *, sender: str = ANN, mail: Sequence[str] = (),
        rcpt: Sequence[str] = (),
    ) -> Answer:  # fmt: skip
        """Exactly these bytes over SMTP, with these ESMTP parameters."""
        return await asyncio.to_thread(self._submit, raw, to, sender, list(mail), list(rcpt))

    def _submit(self, raw: bytes, to: Sequence[str], sender: str, mail: list[str], rcpt: list[str]) -> Answer:
        with smtplib.SMTP("127.0.0.1", self.service.smtp.ports[0], timeout=30) as client:
            client.ehlo()
            for code, text in [client.mail(sender, mail), *(client.rcpt(one, rcpt) for one in to)]:
                if code != 250:
                    return Answer(code, text.decode())
            code, text = client.data(raw)
        return Answer(code, text.decode())

    async def send(
        self, to: Sequence[str] = (KIM,), *, sender: str = ANN, cc: Sequence[str] = (), bcc: Sequence[str] = (),
        subject: str = "Quote", **headers: str,
    ) -> str:  # fmt: skip
        """An ordinary mail; its queue id."""
        raw = letter(sender, ", ".join(to), cc=", ".join(cc), subject=subject, **headers)
        return (await self.submit(raw, [*to, *cc, *bcc], sender=sender)).queue_id

    # looking
    async def mail(self, queue_id: str) -> Mail:
        mail = await self.service.store.get(queue_id)
        assert mail is not None
        return mail

    async def copy(self, queue_id: str, recipient: str) -> Delivery:
        """This recipient's delivery."""
        (found,) = [d for d in (await self.mail(queue_id)).deliveries if key(d.address) == key(recipient)]
        return found

    async def states(self, queue_id: str) -> dict[str, State]:
        return {d.address: d.state for d in (await self.mail(queue_id)).deliveries}

    async def events(self, queue_id: str) -> list[str]:
        return [event.kind for event in await self.service.store.events(queue_id)]

    def arrived(self, recipient: str) -> list[Caught]:
        """Mail in this mailbox outside, without our own notices and reports."""
        return [mail for mail in self.world.to(recipient) if not mail.is_notice]

    def notices(self, person: str) -> list[Caught]:
        return [mail for mail in self.world.to(person) if mail.is_notice]

    async def notice(self, person: str, words: str) -> Caught:
        """The latest notice to this person whose subject has these words, as soon as everything due is done."""
        await self.quiet()
        found = [mail for mail in self.notices(person) if words in mail.subject]
        assert found, f"{person} got no notice about {words!r}, only {[m.subject for m in self.notices(person)]}"
        return found[-1]

    async def link(self, person: str, words: str) -> str:
        """The link in that notice."""
        found = _LINK.search((await self.notice(person, words)).text)
        assert found
        return found[0]

    def log_lines(self, event: str = "") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if event in ("", line["event"])]

    # pages
    async def page(self, link: str) -> Shown:
        answer = await self._client.get(link, follow_redirects=True)
        return Shown(answer.status_code, answer.text)

    async def press(self, link: str, verb: str, **fields: str | list[str]) -> Shown:
        """Open the page, fill in its form, press; the page that comes then. `stop` is a bare press."""
        return await self.post(link, verb, self.seen(await self.page(link)), **fields)

    async def post(self, link: str, verb: str, seen: str, **fields: str | list[str]) -> Shown:
        """Press what an earlier look at the page showed."""
        form = {} if verb == "stop" else {"seen": seen, **fields}
        answer = await self._client.post(f"{link}/{verb}", data=form, follow_redirects=True)
        return Shown(answer.status_code, answer.text)

    def seen(self, shown: Shown) -> str:
        found = _SEEN.search(shown.text)
        return unescape(found[1]) if found else ""

    # promises
    async def conserved(self) -> None:
        """Promise 10: accepted = sent + failed + cancelled + waiting; and nothing arrived twice (promise 11)."""
        mails = await self.service.store.find(Filter(limit=100_000))
        for mail in mails:
            accepted = {key(recipient.address) for recipient in mail.envelope.recipients}
            events = await self.service.store.events(mail.queue_id)
            accepted |= {event.data["right"] for event in events if event.kind == "recipient.replaced"}
            forks = (event.data["recipients"] for event in events if event.kind in ("fork.joined", "fork.stopped"))
            accepted |= {key(one) for said in forks for one in said.split()}
            own = [d for d in mail.deliveries if not d.added]
            assert sorted(key(d.address) for d in own) == sorted(accepted)
            assert all(d.state.final or d.state.waiting for d in mail.deliveries)
        arrivals = Counter(
            (found[1], key(recipient))
            for mail in self.world.caught
            if not mail.is_notice and (found := _ID_IN_RECEIVED.search(mail.raw[:4000]))
            for recipient in mail.recipients
        )
        assert not [twice for twice, times in arrivals.items() if times > 1]


@asynccontextmanager
async def lived_in(folder: Path, **changes: Any) -> AsyncIterator[House]:
    """A house on its own, with the arguments of `build`: checked (promise 10) and closed at the end."""
    clock = LeapingClock()
    world = OutsideWorld(clock)
    await world.start()
    house = House(build(folder, world, **changes), world, clock)
    try:
        await house.start()
        yield house
        await house.quiet()
        await house.conserved()
    finally:
        await house.close()
        await world.stop()


def build(
    folder: Path,
    world: OutsideWorld,
    *,
    rules: str = "",
    extra: str = "",
    config: Mapping[str, Any] | None = None,
    people: Sequence[Mapping[str, Any]] = (),
    more_people: Mapping[str, Any] | None = None,
) -> Config:
    """The demo's site with these changes. `rules` replaces the shipped policy, `extra` comes on top of it;
    `config` is laid over mailguard.yaml; `people` come on top of the demo's; `more_people`: people.yaml's other keys.
    """
    ports = {"smtp": site.free_port(), "world": world.port, "web": site.free_port()}
    path = site.build(folder, default_rules(), ports).path
    if rules:
        for shipped in (folder / "rules").glob("*.yaml"):
            shipped.unlink()
    if rules or extra:
        (folder / "rules" / "50-house.yaml").write_text(rules or extra, "utf-8")
    _rewrite(folder / "people.yaml", {**(more_people or {})}, people)
    _rewrite(path, config or {})
    return load(path, {})


def _rewrite(path: Path, over: Mapping[str, Any], people: Sequence[Mapping[str, Any]] = ()) -> None:
    data = yaml.read(path).data
    assert isinstance(data, dict)
    laid = _over(data, over)
    if people:
        ours = {one["address"] for one in people}
        laid["people"] = [*people, *(one for one in laid["people"] if one["address"] not in ours)]
    path.write_text(json.dumps(laid), "utf-8")  # JSON is YAML


def _over(data: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(data)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _over(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged


def routes(**ports: int) -> dict[str, Any]:
    """`next_hop` over which mail to `client_example` goes to this port, all else to the outside world."""
    places = {name.replace("_", "."): {"smarthost": f"127.0.0.1:{port}", "tls": "none"} for name, port in ports.items()}
    return {"next_hop": {"routes": places}}
