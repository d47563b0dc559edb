"""What the admin socket does to what is remembered of who writes to whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.clock import Clock
from mailguard.records import Actor, PastMail, Reached, Remembered
from mailguard.store.base import Store

_END = 1 << 33  # seconds since 1970: some day in 2242


@dataclass(frozen=True, slots=True)
class HistoryVerbs:
    """Each takes what was asked and who asked, and answers JSON. `have_nothing_at_hand` has the next mail read anew."""

    store: Store
    clock: Clock
    have_nothing_at_hand: Callable[[], None]

    async def learn(self, asked: Mapping[str, Any], _actor: Actor) -> dict[str, int]:
        """Some mails of the past that the command line has read and judged; none: it asks whether anybody is here."""
        mails, reached = [past_mail(one) for one in asked["mails"]], asked.get("reached")
        if not mails and not reached:
            return {"new": 0}
        where = Reached(str(reached["name"]), _numbers(reached["value"]), self.clock.now()) if reached else None
        return {"new": await self.store.learn_past(mails, where)}

    async def forget(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        """All that is remembered of a person (a key)."""
        await self.store.forget_habits(str(asked["person"]), by=actor, now=self.clock.now())
        self.have_nothing_at_hand()
        return {"done": True}


def past_json(past: PastMail) -> dict[str, Any]:
    one = past.mail
    return {
        "sender": one.sender, "at": one.at, "to": list(one.recipients), "cc": sorted(one.cc), "thread": one.thread,
        "words": list(one.words), "scores": dict(one.scores), "message_id": past.message_id,
        "digest": past.digest.hex(), "number": past.number,
    }  # fmt: skip


def past_mail(said: Mapping[str, Any]) -> PastMail:
    """What `past_json` wrote. ValueError, TypeError or KeyError where it is something else."""
    at, words = float(said["at"]), tuple(int(word) for word in said["words"])
    if not 0 <= at < _END or any(not 0 <= word < 1 << 32 for word in words):
        raise ValueError("this is no mail: a time or a word of it is out of range")
    one = Remembered(
        sender=str(said["sender"]), at=at, recipients=tuple(map(str, said["to"])), cc=frozenset(map(str, said["cc"])),
        thread=int(said["thread"]), words=words, scores={str(to): float(s) for to, s in dict(said["scores"]).items()},
    )  # fmt: skip
    return PastMail(one, str(said["message_id"]), bytes.fromhex(said["digest"]), int(said["number"]))


def _numbers(said: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(value) for name, value in said.items()}
