"""What must be so before anybody's word counts."""

from collections.abc import Collection

from mailguard.desk.errors import NotAllowed, NotConfirmed
from mailguard.desk.look import View
from mailguard.locale import N_
from mailguard.mail import address


def need(view: View, verb: str) -> None:
    """NotAllowed where this link has no such power."""
    if verb not in view.allowed:
        raise NotAllowed(N_("This link can't do that."))


def ticks(wanted: Collection[str], given: Collection[str]) -> None:
    """NotConfirmed where one of those who need a tick has none."""
    keys = {address.key(tick) for tick in given}
    if missing := [tick for tick in wanted if address.key(tick) not in keys]:
        raise NotConfirmed(N_("Not yet: tick {missing} first."), missing=", ".join(missing))
