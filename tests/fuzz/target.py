"""A target: one subject that any bytes are given to. It returns, or it found a bug.

    @target("paths", "whatever follows MAIL FROM is an address or refused", words=[b"<", b"@"])
    def paths(data: bytes) -> None:
        ...

The same function is driven by coverage (`python -m tests.fuzz paths`), by hypothesis and with the inputs that are
kept in corpus/NAME (test_targets.py), and by the fault suite (tests/torture/faults/fuzz.py).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
LONGEST = 4096  # bytes of an input

Check = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Target:
    """`words`: what the subject's inputs are made of, so that chance alone gets somewhere."""

    name: str
    promise: str
    check: Check
    words: tuple[bytes, ...]

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    def kept(self) -> list[Path]:
        """Inputs worth giving again: each reached something new once, or showed a bug."""
        return sorted(self.corpus.iterdir()) if self.corpus.is_dir() else []

    def by_chance(self, dice: random.Random, count: int) -> Iterator[bytes]:
        """Inputs made of words and stray bytes."""
        for _ in range(count):
            pieces = [self._piece(dice) for _ in range(dice.randrange(40))]
            yield b"".join(pieces)[:LONGEST]

    def _piece(self, dice: random.Random) -> bytes:
        return dice.choice(self.words) if dice.random() < 0.85 else dice.randbytes(dice.randrange(1, 9))


TARGETS: dict[str, Target] = {}


def target(name: str, promise: str, words: Sequence[bytes]) -> Callable[[Check], Check]:
    """Register a target under a name and what must hold."""

    def register(check: Check) -> Check:
        TARGETS[name] = Target(name, promise, check, tuple(words))
        return check

    return register
