"""The nonce of one look at a mail: what is pressed must be about what was shown."""

import hmac
import secrets

from mailguard.desk.errors import NotConfirmed
from mailguard.desk.look import View
from mailguard.locale import N_
from mailguard.mail import address

CHANGED = N_("This mail changed since you opened the page. Look again, then press.")


class Seen:
    """Its key lives in memory only: a page from before a restart is looked at again."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def mark(self, view: View) -> str:
        """For this view, and for no later revision of its mail."""
        nonce = secrets.token_hex(8)
        return f"{nonce}.{self._proof(view, nonce)}"

    def check(self, view: View, seen: str) -> None:
        """That this form is of this page view, and the mail still as it showed it; else NotConfirmed."""
        nonce, _, proof = seen.partition(".")
        if not hmac.compare_digest(proof.encode(), self._proof(view, nonce).encode()):
            raise NotConfirmed(CHANGED)

    def _proof(self, view: View, nonce: str) -> str:
        about = "\0".join((nonce, view.mail.queue_id, address.key(view.person), str(view.mail.revision)))
        return hmac.new(self._secret, about.encode(), "sha256").hexdigest()[:32]
