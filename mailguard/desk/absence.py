"""Who is away: what people say themselves, beside the delegates that an administrator wrote into people.yaml."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from mailguard.clock import Clock
from mailguard.desk.errors import NotConfirmed
from mailguard.desk.sign_in import Wake
from mailguard.errors import PermanentFailure
from mailguard.locale import N_
from mailguard.mail import address
from mailguard.people import Delegate, People
from mailguard.records import Actor, NewNotice, NoticeKind
from mailguard.store.base import Store

_NAME = "absence:"


class Absences:
    """By canonical address, who is asked instead and when; `now` is one mapping that stays the same object."""

    def __init__(self, store: Store, people: Callable[[], People], clock: Clock, wake: Wake) -> None:
        self._store, self._people, self._clock, self._wake = store, people, clock, wake
        self.now: dict[str, Delegate] = {}

    async def start(self) -> None:
        """Know again what was said before; what is past is forgotten."""
        kept = await self._store.recall(f"{_NAME}*")
        self.now.clear()
        self.now |= {name.removeprefix(_NAME): _delegate(said) for name, said in kept.items()}
        for name in [name for name, one in self.now.items() if one.last and one.last < self.today]:
            self.now.pop(name)
            await self._forget(name, Actor("mailguard", "timer"))

    @property
    def today(self) -> date:
        """In the organization's zone, where absences begin and end."""
        return self._clock.now().astimezone(self._people().organization.clock_zone).date()

    def of(self, person: str) -> Delegate | None:
        """What this person said, unless it is over."""
        said = self.now.get(self._people().canonical(person))
        return said if said and (said.last is None or said.last >= self.today) else None

    @property
    def standing(self) -> dict[str, Delegate]:
        """Everybody's that are not over, by canonical address."""
        return {who: said for who, said in self.now.items() if self.of(who)}

    async def set(self, person: str, to: str, first: str, last: str) -> None:
        """From the first day to the last `to` is asked for new mail, and told so; raises NotConfirmed."""
        said, before = self._delegate(person, to.strip(), first, last), self.of(person)
        name = self._people().canonical(person)
        value = {"to": said.to, "from": str(said.first), "until": str(said.last)}
        told = [_told(person, said)]
        if before and self._people().canonical(before.to) != self._people().canonical(said.to):
            told.append(_told(person, before, ended=True))
        await self._store.remember(
            _NAME + name, value, event="absence.set", by=Actor(person, "outbox"), now=self._clock.now(), notices=told
        )
        self.now[name] = said
        self._wake.wake()

    async def end(self, person: str) -> None:
        """From now on this person is asked again, and whoever stood in is told."""
        name, said = self._people().canonical(person), self.of(person)
        if name in self.now:
            await self._forget(name, Actor(person, "outbox"), [_told(person, said, ended=True)] if said else ())
            self.now.pop(name, None)
            self._wake.wake()

    async def erase(self, person: str, by: Actor) -> None:
        """No absence names this person any more, as the one who is away or who stands in."""
        who = self._people().canonical(person)
        for name, said in list(self.now.items()):
            if who in (name, self._people().canonical(said.to)):
                await self._forget(name, by)
                self.now.pop(name, None)

    async def _forget(self, name: str, by: Actor, notices: Sequence[NewNotice] = ()) -> None:
        now = self._clock.now()
        await self._store.remember(_NAME + name, None, event="absence.ended", by=by, now=now, notices=notices)

    def _delegate(self, person: str, to: str, first: str, last: str) -> Delegate:
        people = self._people()
        begins, ends = _day(first), _day(last)
        if ends < begins:
            raise NotConfirmed(N_("The last day is before the first."))
        if ends < self.today:
            raise NotConfirmed(N_("The last day is past already."))
        try:
            address.check(to, smtputf8=True)
        except PermanentFailure:
            raise NotConfirmed(N_("Write the mail address of a colleague, like ann@corp.example.")) from None
        if people.external(to) or people.service(to) or people.expand(to) != {people.main(to)}:
            raise NotConfirmed(N_("{to} is no colleague's own mailbox: name one person inside."), to=to)
        if people.canonical(to) == people.canonical(person):
            raise NotConfirmed(N_("You can't stand in for yourself: name somebody else."))
        return Delegate(to, begins, ends)


def _delegate(said: Mapping[str, str]) -> Delegate:
    return Delegate(said["to"], date.fromisoformat(said["from"]), date.fromisoformat(said["until"]))


def _told(person: str, said: Delegate, *, ended: bool = False) -> NewNotice:
    data = {"by": person, "from": str(said.first), "until": str(said.last), "ended": "yes" if ended else ""}
    return NewNotice(NoticeKind.DELEGATE, said.to, data=data)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise NotConfirmed(N_("Write the first and the last day, like 2027-01-31.")) from None
