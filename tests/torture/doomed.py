"""A mail that kills: the process dies as soon as one to this address is carried, as by a crash in a library."""

import os
import signal
from typing import Any

from mailguard.scheduler import attempt


def doom(whom: str) -> None:
    """From now on, in this process."""
    carry: Any = attempt.Attempts._carry

    async def crash(self: attempt.Attempts, claim: Any, *rest: Any) -> None:
        if any(d.address == whom for d in claim.deliveries):
            os.kill(os.getpid(), signal.SIGKILL)
        await carry(self, claim, *rest)

    attempt.Attempts._carry = crash  # type: ignore[method-assign, assignment]
