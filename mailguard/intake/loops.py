"""Mail that goes round in a loop: refused with a clear reply, and told of."""

import re
from collections.abc import Callable

from mailguard import stamp
from mailguard.clock import Clock
from mailguard.errors import PermanentFailure
from mailguard.intake.letter import Letter
from mailguard.log import Log
from mailguard.mail.message import Message
from mailguard.metrics import Metrics
from mailguard.stamp import Handed, Stamps
from mailguard.tasks import in_thread

MAX_RECEIVED = 50  # RFC 5321 §6.3 asks for a large count
MAX_ROUNDS = 3  # through any mailguard: two that send to each other are a loop as well
_ROUND = re.compile(rb"\sby\s+\S+\s+\(mailguard\)\s")


def rounds(message: Message) -> int:
    """How often a mail went through a mailguard before, as its Received fields say."""
    return sum(_ROUND.search(field) is not None for field in message.raw_fields("received"))


class Loops:
    """Knows a mail that came back by our stamp; where its words were changed on the way, by its Received fields."""

    def __init__(
        self, stamps: Callable[[], Stamps], clock: Clock, log: Log, metrics: Metrics, ring: Callable[[str, str], None]
    ) -> None:
        """`ring` is `Alarm.ring`."""
        self._stamps, self._clock, self._log, self._metrics, self._ring = stamps, clock, log, metrics, ring

    async def refuse(self, letter: Letter) -> None:
        """PermanentFailure 554 5.4.6: a provider sends back what it has from us, or two servers send to each other."""
        if queue_id := await self._came_back(letter):
            text = "this mail left here before and came back: the provider's rule must not send us what it has from us"
            self._tell(letter, "stamp", queue_id)
            raise PermanentFailure(text, code=554, enhanced="5.4.6")
        if len(letter.message.raw_fields("received")) > MAX_RECEIVED or rounds(letter.message) >= MAX_ROUNDS:
            self._tell(letter, "received")
            raise PermanentFailure("this mail is going round in circles", code=554, enhanced="5.4.6")

    async def _came_back(self, letter: Letter) -> str:
        """The queue id it left with; '' unless it has a stamp for just these words and recipients."""
        message, stamps = letter.message, self._stamps()
        found = message.raw_fields(stamp.FIELD)
        if not (found and stamps):
            return ""
        body = memoryview(letter.spool.raw)[message.head_size :]
        digest = stamp.body_hash(body) if letter.small else await in_thread(stamp.body_hash, body)
        about = Handed.of(message.message_id, digest, letter.envelope.addresses)
        return stamps.known(found, about, self._clock.now())

    def _tell(self, letter: Letter, known_by: str, queue_id: str = "") -> None:
        self._metrics.loops.inc()
        self._ring("mail.looped", letter.session.listener)
        self._log.looped(letter.message.message_id, letter.session, known_by, queue_id)
