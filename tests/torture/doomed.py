"""The real service as a process that dies where it is told to: `python -m tests.torture.doomed CONFIG WHERE WHOM`.

WHERE: `carry`, as soon as a mail to WHOM is carried, like a crash in a library; `answer`, after the commit of a mail to
WHOM and before its 250.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from mailguard.intake import Intake
from mailguard.mail.envelope import Session
from mailguard.records import NewMail
from mailguard.scheduler import attempt
from mailguard.service import serve


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def doom(where: str, whom: str) -> None:
    if where == "carry":
        carry: Any = attempt.Attempts._carry

        async def crash(self: attempt.Attempts, claim: Any, *rest: Any) -> None:
            if any(d.address == whom for d in claim.deliveries):
                _die()
            await carry(self, claim, *rest)

        attempt.Attempts._carry = crash  # type: ignore[method-assign, assignment]
    if where == "answer":
        put = Intake._put

        async def cut(self: Intake, mail: NewMail, session: Session) -> NewMail:
            kept = await put(self, mail, session)
            if any(d.address == whom for d in mail.deliveries):
                _die()
            return kept

        Intake._put = cut  # type: ignore[method-assign]


if __name__ == "__main__":
    doom(sys.argv[2], sys.argv[3])
    sys.exit(serve(Path(sys.argv[1]), os.environ))
