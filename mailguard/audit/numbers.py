"""Sets of record numbers, small however many they are as long as they come in runs: `3-5 9`."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

_RUN = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")


class Numbers:
    """Numbers, as runs that neither overlap nor touch."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._runs: list[tuple[int, int]] = []
        for number in sorted(set(numbers)):
            self.add(number, number)

    @classmethod
    def parse(cls, text: str) -> "Numbers":
        """What `str` writes. ValueError for anything else."""
        found = cls()
        for word in text.split():
            run = _RUN.fullmatch(word)
            if run is None:
                raise ValueError(f"{word!r} is no number and no run of numbers")
            found.add(int(run[1]), int(run[2] or run[1]))
        return found

    def add(self, first: int, last: int) -> None:
        """Also all from `first` to `last`."""
        place = bisect_right(self._runs, (first, last))
        start = place
        while start and self._runs[start - 1][1] >= first - 1:
            start -= 1
        end = place
        while end < len(self._runs) and self._runs[end][0] <= last + 1:
            end += 1
        touched = self._runs[start:end]
        low, high = min([first, *(a for a, _ in touched)]), max([last, *(b for _, b in touched)])
        self._runs[start:end] = [(low, high)]

    def without(self, other: "Numbers") -> "Numbers":
        """Those that are not in `other`."""
        left = Numbers()
        for first, last in self._runs:
            at = first
            for place in range(max(bisect_right(other._runs, (first, first)) - 1, 0), len(other._runs)):
                low, high = other._runs[place]
                if low > last:
                    break
                if high < at:
                    continue
                if low > at:
                    left.add(at, low - 1)
                at = high + 1
            if at <= last:
                left.add(at, last)
        return left

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._runs)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self._runs)

    def __str__(self) -> str:
        return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in self._runs)
