"""Delivery reports (RFC 3464) as mails of our own, to be committed together with what they report."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mailguard import dsn, retry
from mailguard.mail import headers
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.mail.transfer import portable
from mailguard.records import Action, Claim, Delivery, Kind, Mail, NewMail, Outcome, Result, State, Verdict
from mailguard.retry import RetrySettings


@dataclass(frozen=True, slots=True)
class Reports:
    """Makes what a settled claim owes its sender: nothing, or one mail for each kind of news."""

    hostname: str
    sender: str
    retry: RetrySettings
    new_id: Callable[[], str]
    destination: Callable[[str], str]
    owns: Callable[[str], bool]  # whether an address is in our own domains

    def of(self, claim: Claim, outcomes: Mapping[int, Outcome], raw: bytes, now: datetime) -> list[NewMail]:
        """`raw` holds at least the whole header. No report about reports, nor to nobody."""
        mail = claim.mail
        if mail.kind is Kind.DSN or not (to := self._reader(mail)):
            return []
        news: dict[str, list[Delivery]] = {}
        for delivery in claim.deliveries:
            action = self._action(delivery, outcomes[delivery.id])
            if action and not delivery.added and dsn.wanted(delivery, action):
                news.setdefault(action, []).append(delivery)
        # failpoint: reports.made
        return [self._report(claim, to, action, about, outcomes, raw, now) for action, about in news.items()]

    def _action(self, delivery: Delivery, outcome: Outcome) -> str:
        """The RFC 3464 action that this outcome is, or '' for no news."""
        if outcome.result is Result.FAILED:
            return "failed"
        if outcome.result is Result.SENT:
            return "relayed" if outcome.relayed_without_dsn else ""
        late = delivery.due_at and delivery.released_at and retry.is_late(
            delivery.due_at, delivery.released_at, self.retry
        )  # fmt: skip
        return "delayed" if late else ""

    def _reader(self, mail: Mail) -> str:
        """MAIL FROM; for what a connector brought never somebody outside, and a person also where it said `<>`."""
        sender = mail.envelope.sender
        if mail.identity.proof is not Proof.CONNECTOR or (sender and self.owns(sender)):
            return sender
        return "" if mail.automatic else mail.answers

    def _report(
        self,
        claim: Claim,
        to: str,
        action: str,
        about: list[Delivery],
        outcomes: Mapping[int, Outcome],
        raw: bytes,
        now: datetime,
    ) -> NewMail:
        mail = replace(claim.mail, envelope=replace(claim.mail.envelope, sender=to))
        queue_id, cut = self.new_id(), headers.split(raw)
        whole = len(raw) == mail.size and portable(raw)  # what was refused for its bytes would be refused in here too
        released = [d.released_at for d in about if d.released_at]
        content = dsn.report(
            mail=mail, failed=[(delivery, outcomes[delivery.id].reply) for delivery in about],
            head=headers.apply(raw[:cut], headers.without_splices(mail.edits)), body=raw[cut:] if whole else None,
            reporting_mta=self.hostname, sender=self.sender, message_id=f"<{queue_id}@{self.hostname}>", now=now,
            action=action, retry_until=min(released) + self.retry.give_up if released else None,
        )  # fmt: skip
        return _own_mail(queue_id, to, content, now, self.destination(to))


def _own_mail(queue_id: str, to: str, content: bytes, now: datetime, destination: str) -> NewMail:
    """Null sender, never evaluated, never bounced."""
    recipient = Recipient(to, notify=("NEVER",))
    return NewMail(
        queue_id=queue_id, envelope=Envelope("", (recipient,), smtputf8=not to.isascii()),
        identity=Identity("", Proof.INTERNAL), raw=content, digest=hashlib.sha256(content).digest(), received_at=now,
        edits=(), deliveries=(Delivery(recipient, destination, State.QUEUED, due_at=now),),
        verdict=Verdict(Action.PASS), kind=Kind.DSN, automatic=True,
    )  # fmt: skip
