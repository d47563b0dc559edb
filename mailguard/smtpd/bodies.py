"""How much of all mail that is coming in may be in memory at a time, so that many large ones can't take it all."""

from mailguard.errors import TemporaryFailure

FREE = 64 * 1024  # octets of every body that aren't counted: small mail always has room


class Bodies:
    """Octets of bodies between their DATA and its answer, over all sessions."""

    def __init__(self) -> None:
        self.octets = 0


class Body:
    """One mail's part of them. Whoever makes one must `release` it."""

    def __init__(self, bodies: Bodies, limit: int) -> None:
        self._bodies, self._limit = bodies, limit
        self._size = self._counted = 0

    def grow(self, count: int) -> TemporaryFailure | None:
        """The reply when there is no room for so many more: nothing is counted of this mail any more."""
        self._size += count
        more = max(0, self._size - FREE) - self._counted
        if more and self._bodies.octets + more > self._limit:
            self.release()
            return TemporaryFailure(
                "too much large mail is coming in at the moment: try again later", code=452, enhanced="4.3.1"
            )
        self._bodies.octets += more
        self._counted += more
        return None

    def release(self) -> None:
        self._bodies.octets -= self._counted
        self._size = self._counted = 0
