"""What people choose for themselves, kept over restarts; each change is in the audit."""

from collections.abc import Callable
from dataclasses import asdict

from mailguard.clock import Clock
from mailguard.desk.errors import NotConfirmed
from mailguard.locale import N_, NAMES
from mailguard.people import People, Preference, PreferenceSettings
from mailguard.records import Actor
from mailguard.store.base import Store

_NAME = "preference:"
_HOURS = 24


class Preferences:
    """By canonical address, what each person chose, as far as `allowed`; `now` stays the same object."""

    def __init__(self, store: Store, people: Callable[[], People], clock: Clock, allowed: PreferenceSettings) -> None:
        self._store, self._people, self._clock, self.allowed = store, people, clock, allowed
        self.now: dict[str, Preference] = {}

    async def start(self) -> None:
        """Know again what was chosen. What is no longer allowed stays in the store, and counts for nothing."""
        kept = await self._store.recall(f"{_NAME}*")
        self.now.clear()
        for name, said in kept.items():
            language = said["language"] if said["language"] in NAMES else ""  # one that was there in an earlier version
            chosen = Preference(language, said["digest"], said["wait"], said.get("as_sent", False)).within(self.allowed)
            if chosen != Preference():
                self.now[name.removeprefix(_NAME)] = chosen

    def of(self, person: str) -> Preference:
        return self.now.get(self._people().canonical(person), Preference())

    async def set(self, person: str, language: str, digest: str, wait: str, as_sent: str = "") -> None:
        """From now on it is so; '' is no hour for the digest, and no note. Raises NotConfirmed with what is wrong."""
        name, chosen = self._people().canonical(person), self._chosen(language, digest, wait, as_sent)
        if chosen == self.of(person):
            return
        value = None if chosen == Preference() else asdict(chosen)
        event = "preference.set" if value else "preference.ended"
        await self._store.remember(_NAME + name, value, event=event, by=Actor(person, "outbox"), now=self._clock.now())
        if value:
            self.now[name] = chosen
        else:
            self.now.pop(name, None)

    def _chosen(self, language: str, digest: str, wait: str, as_sent: str) -> Preference:
        if language and language not in NAMES:
            raise NotConfirmed(N_("Choose one of the languages."))
        hour = _number(digest) if digest else None
        if hour is not None and hour >= _HOURS:
            raise NotConfirmed(N_("Choose an hour of the day, or none."))
        minutes = _number(wait or "0")
        if minutes > self.allowed.minutes:
            raise NotConfirmed(N_("At most {most} minutes can be chosen here."), most=str(self.allowed.minutes))
        return Preference(language, hour, minutes, bool(as_sent)).within(self.allowed)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):  # noqa: PLR2004 - a day has 1440 minutes
        raise NotConfirmed(N_("Write a whole number of minutes, like 10."))
    return int(text)
