"""One MAIL … DATA within a session: what was promised so far."""

from dataclasses import dataclass, field

from mailguard.errors import PermanentFailure, TemporaryFailure
from mailguard.mail import address
from mailguard.mail.envelope import Envelope, Recipient
from mailguard.smtpd.commands import MailParameters, RcptParameters


@dataclass(slots=True)
class Transaction:
    """Collects recipients until the envelope is complete. `sender` '' is the null reverse-path."""

    sender: str
    parameters: MailParameters
    limit: int  # recipients
    recipients: list[Recipient] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def add(self, recipient: str, parameters: RcptParameters) -> None:
        """Once per mailbox. TemporaryFailure 452 4.5.3 when full: the mail still goes to those accepted."""
        name = address.key(recipient)
        if name in self._known:
            return
        if len(self.recipients) >= self.limit:
            raise TemporaryFailure(
                f"more than {self.limit} recipients: send the mail again to the rest", code=452, enhanced="4.5.3"
            )
        self._known.add(name)
        self.recipients.append(Recipient(recipient, parameters.notify, parameters.orcpt))

    def envelope(self) -> Envelope:
        """PermanentFailure 503 5.5.1 without a recipient."""
        if not self.recipients:
            raise PermanentFailure("no recipient was accepted: RCPT first", code=503, enhanced="5.5.1")
        given = self.parameters
        return Envelope(
            self.sender, tuple(self.recipients), given.smtputf8, given.eightbit, given.ret, given.envid,
            given.hold_until, given.require_tls,
        )  # fmt: skip


def path_argument(argument: str, keyword: str) -> str:
    """`FROM:<a@b> SIZE=3` → `<a@b> SIZE=3`; a space after the colon is forgiven. 501 5.5.4 for anything else."""
    if argument[: len(keyword)].upper() != keyword:
        raise PermanentFailure(f"write {keyword}<user@domain>", code=501, enhanced="5.5.4")
    return argument[len(keyword) :].lstrip(" ")
