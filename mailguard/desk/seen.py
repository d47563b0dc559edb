"""The mark of one look at a mail: what is pressed must be about what was shown."""

from mailguard.desk.errors import NotConfirmed
from mailguard.desk.look import View
from mailguard.locale import N_
from mailguard.mail import address
from mailguard.tokens import Marks

CHANGED = N_("This mail changed since you opened the page. Look again, then press.")


class Seen:
    """For a view, and for no later revision of its mail."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    def mark(self, view: View) -> str:
        return self._marks.of(*_shown(view))

    def check(self, view: View, seen: str) -> None:
        """That this form is of this page view, and the mail still as it showed it; else NotConfirmed."""
        if not self._marks.fits(seen, *_shown(view)):
            raise NotConfirmed(CHANGED)


def _shown(view: View) -> tuple[str, ...]:
    return view.mail.queue_id, address.key(view.person), str(view.mail.revision)
