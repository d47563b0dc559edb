"""The log: one JSON object a line, one typed function per event, so that wording can't drift.

Never a body, a matched text or a token; a subject only where `log.subjects` says so.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TextIO
from urllib.parse import urlsplit

from mailguard.logger import LogSettings, logger
from mailguard.mail import address, edits, headers
from mailguard.mail.envelope import Session
from mailguard.records import Actor, CallClaim, Delivery, Ending, JournalClaim, Mail, NewMail, Outcome, Seal

_REJECTED = re.compile(r"rejected by rule ([^\s:]+)")
_ADDRESS = re.compile(r"[^\s'\"<>(),;:]+@[^\s'\"<>(),;:]+")


class Log:
    """Mail events. `address` fields follow the settings; every method is one event of the surface."""

    def __init__(self, settings: LogSettings | None = None, stream: TextIO | None = None) -> None:
        self.settings = settings or LogSettings()
        self._log = logger(self.settings, stream)

    # service
    def ready(self, listeners: Iterable[str], rules: str, web: str) -> None:
        self._log.info("service.ready", listeners=list(listeners), rules_hash=rules, web=web)

    def stopping(self, reason: str) -> None:
        self._log.info("service.stopping", reason=reason)

    def worker_ended(self, number: int, code: int, again: float) -> None:
        """One process of several on this host; it is started again after so many seconds."""
        self._log.error("worker.ended", worker=number, code=code, again_in=again)

    def failure(self, where: str, error: BaseException) -> None:
        """Something inside went wrong that nobody planned for: the type, the place, never the mail."""
        self._log.error("service.failure", where=where, error=type(error).__name__, exc_info=_without_values(error))

    def reloaded(self, rules: str, actor: str) -> None:
        self._log.info("rules.reloaded", rules_hash=rules, actor=actor)

    def reload_failed(self, error: str, actor: str) -> None:
        self._log.error("rules.reload_failed", error=error, actor=actor)

    def paused(self, reason: str) -> None:
        self._log.error("queue.paused", reason=reason, hint="mail is accepted, none is sent: mailguard queue resume")

    def resumed(self, actor: Actor) -> None:
        self._log.warning("queue.resumed", actor=self._actor(actor))

    def sealed(self, seal: Seal) -> None:
        """The head of the audit's chain: what `mailguard audit verify --log` compares with."""
        self._log.info("audit.sealed", seal=seal.number, last=seal.last, head=seal.head.hex())

    # who is who
    def directory_refreshed(self, people: int, groups: int, lists: int) -> None:
        self._log.info("directory.refreshed", people=people, groups=groups, lists=lists)

    def directory_unreachable(self, error: str, since: datetime, *, old: bool) -> None:
        """What it said at `since` is used; `old`: for so long that somebody must look."""
        level = self._log.error if old else self._log.warning
        level("directory.unreachable", error=error, since=_iso(since), hint="what it said then is used")

    def directory_kept_back(self, why: str, since: datetime) -> None:
        self._log.error("directory.kept_back", error=why, since=_iso(since), hint="what it said then is used")

    def directory_copy(self, error: str) -> None:
        self._log.warning("directory.copy_unusable", error=error)

    def directory_remark(self, code: str, entry: str, message: str) -> None:
        """A mistake in the directory; the words name addresses, so the entry must do where those are hidden."""
        said = message if self.settings.addresses == "full" else ""
        self._log.warning("directory.remark", code=code, entry=entry, error=said)

    # policy of the moment
    def frozen(self, name: str, why: str) -> None:
        self._log.warning("identity.frozen", identity=self._payer(name), reason=why)

    def thawed(self, name: str, actor: Actor) -> None:
        self._log.info("identity.thawed", identity=self._payer(name), actor=self._actor(actor))

    def bypass_began(self, until: datetime, reason: str, actor: Actor) -> None:
        self._log.warning("bypass.began", due=_iso(until), reason=reason, actor=self._actor(actor))

    def bypass_ended(self, actor: Actor) -> None:
        self._log.warning("bypass.ended", actor=self._actor(actor))

    def suspected(self, rule: str, held: int, mails: int) -> None:
        """One rule suddenly holds what it did not hold before: `held` of the last `mails`."""
        self._log.error("rule.suspected", rules=[rule], held=held, mails=mails)

    # mail in
    def accepted(self, mail: NewMail, seconds: float) -> None:
        self._log.info("smtp.accepted", **self._mail(mail), duration_ms=round(seconds * 1000, 1))

    def resent(self, queue_id: str, session: Session, recipients: int) -> None:
        """Answered with the queue id of the first: nothing was put."""
        self._log.info(
            "smtp.accepted", queue_id=queue_id, session_id=session.id, sender=self.address(session.identity.address),
            rcpt_count=recipients, action="resend",
        )  # fmt: skip

    def forked(self, queue_id: str, session: Session, recipients: int, ending: Ending) -> None:
        """One of several transactions of a mail: its recipients joined it, or were stopped as it was."""
        self._log.info(
            "fork.stopped" if ending is Ending.ALREADY else "fork.joined", queue_id=queue_id, session_id=session.id,
            sender=self.address(session.identity.address), rcpt_count=recipients,
        )  # fmt: skip

    def rejected(self, reply: str, *, session_id: str, peer: str, listener: str, sender: str) -> None:
        """A rule's own words, and addresses that the settings hide, stay out; the rule's id is enough."""
        code, enhanced, said = [*reply.split(" ", 2), "", ""][:3]
        rule = _REJECTED.match(said)
        error = "rejected by rule" if rule else said if self.settings.addresses == "full" else ""
        self._log.info(
            "smtp.rejected", session_id=session_id, sender=self.address(sender), remote=peer, listener=listener,
            smtp_code=code, enhanced_code=enhanced, rules=[rule[1]] if rule else [], error=error,
        )  # fmt: skip

    def looped(self, message_id: str, session: Session, known_by: str, queue_id: str) -> None:
        """Refused. It left here as this queue id, if our stamp says so."""
        self._log.error(
            "message.looped", queue_id=queue_id, message_id=message_id, session_id=session.id,
            sender=self.address(session.identity.address), remote=session.peer, listener=session.listener,
            known_by=known_by,
        )  # fmt: skip

    def locked_out(self, reason: str, tenant: str, *, session_id: str, peer: str, listener: str) -> None:
        """Refused by a listener's lock. Never the secret that was shown."""
        self._log.warning(
            "connector.refused", session_id=session_id, remote=peer, listener=listener, reason=reason,
            tenant=tenant,
        )  # fmt: skip

    def auth_failed(self, name: str, peer: str, session_id: str = "", why: str = "") -> None:
        """Of a mail client, or (without a session) of somebody signing in to the pages."""
        self._log.warning(
            "auth.failed", sender=self.address(name), remote=peer, session_id=session_id or None,
            error=self._words(why) or None,
        )  # fmt: skip

    def one_client(self, listener: str, peer: str) -> None:
        hint = (
            "behind a proxy: proxy_from, and let it speak the PROXY protocol; else name this address alone in networks"
        )
        self._log.warning("listener.one_client", listener=listener, remote=peer, hint=hint)

    def logins_down(self, where: str, why: str) -> None:
        """Of mail clients: whoever knows the logins gave no answer."""
        self._log.error("logins.unreachable", where=where, error=self._words(why))

    def sent_copy(self, queue_id: str, outcome: str, attempt: int, error: str = "") -> None:
        """What became of a Sent folder that was to be put right."""
        level = self._log.warning if error else self._log.info
        level("sent_copy.put_off" if not outcome else "sent_copy.settled", queue_id=queue_id, state=outcome or None,
              attempt=attempt, error=error or None)  # fmt: skip

    def provider_down(self, name: str, error: Exception) -> None:
        """The OpenID provider that people sign in at."""
        self._log.error("provider.unreachable", name=name, error=str(error))

    def evaluated(self, mail: NewMail) -> None:
        hits = mail.verdict.hits
        self._log.info(
            "message.evaluated", queue_id=mail.queue_id, action=mail.verdict.action.name.lower(),
            rules=list(mail.verdict.rules), audit=[hit.rule for hit in hits if hit.rule not in mail.verdict.rules],
            tags=list(mail.verdict.tags), rules_hash=mail.verdict.rules_hash,
            changes=list(map(_change, mail.verdict.edits)), dropped=len(mail.verdict.dropped) or None,
        )  # fmt: skip
        if mail.verdict.holds:
            self._log.info("message.held", queue_id=mail.queue_id, rules=[hold.rule for hold in mail.verdict.holds])
        elif due := max((d.due_at for d in mail.deliveries if d.due_at and d.due_at > mail.received_at), default=None):
            self._log.info("message.delayed", queue_id=mail.queue_id, rules=list(mail.verdict.rules), due=_iso(due))

    # people
    def held(self, queue_id: str, rules: Iterable[str], actor: Actor, due: datetime | None = None) -> None:
        self._log.info("message.held", queue_id=queue_id, rules=list(rules), actor=self._actor(actor), due=_iso(due))

    def released(self, queue_id: str, actor: Actor, remaining: Iterable[str] = ()) -> None:
        self._log.info("hold.released", queue_id=queue_id, actor=self._actor(actor), remaining=list(remaining))

    def approved(self, queue_id: str, actor: Actor, remaining: Iterable[str] = ()) -> None:
        self._log.info("hold.approved", queue_id=queue_id, actor=self._actor(actor), remaining=list(remaining))

    def answer(self, queue_id: str, actor: Actor, session: Session, outcome: str) -> None:
        """Somebody answered a notice, or a program did; what it says is nobody's to read."""
        self._log.info(
            "answer.read", queue_id=queue_id, actor=self._actor(actor), session_id=session.id, action=outcome
        )

    def cancelled(self, queue_id: str, actor: Actor) -> None:
        self._log.info("message.cancelled", queue_id=queue_id, actor=self._actor(actor))

    def dropped(self, queue_id: str, recipients: Iterable[str], actor: Actor) -> None:
        domains = sorted({address.domain(r) for r in recipients})
        self._log.info("recipient.dropped", queue_id=queue_id, rcpt_domains=domains, actor=self._actor(actor))

    def replaced(self, queue_id: str, recipients: Iterable[str], actor: Actor) -> None:
        """One recipient by another."""
        domains = sorted({address.domain(r) for r in recipients})
        self._log.info("recipient.replaced", queue_id=queue_id, rcpt_domains=domains, actor=self._actor(actor))

    def hidden(self, queue_id: str, recipients: Iterable[str], actor: Actor) -> None:
        domains = sorted({address.domain(r) for r in recipients})
        self._log.info("recipient.hidden", queue_id=queue_id, rcpt_domains=domains, actor=self._actor(actor))

    def extended(self, queue_id: str, until: datetime, actor: Actor) -> None:
        self._log.info("hold.extended", queue_id=queue_id, actor=self._actor(actor), due=_iso(until))

    def reported(self, queue_id: str, rule: str, actor: Actor) -> None:
        """Somebody says that this rule was wrong."""
        self._log.info("rule.reported", queue_id=queue_id, rules=[rule], actor=self._actor(actor))

    def escalated(self, queue_id: str, rule: str) -> None:
        """Its approvers did not answer in time: others are asked as well."""
        self._log.warning("hold.escalated", queue_id=queue_id, rules=[rule])

    def expired(self, queue_id: str, rule: str, outcome: str) -> None:
        self._log.info("hold.expired", queue_id=queue_id, rules=[rule], action=outcome)

    # mail out
    def attempted(self, mail: Mail, delivery: Delivery, outcome: Outcome, destination: str, seconds: float) -> None:
        """delivery.sent, delivery.deferred, delivery.failed or delivery.ambiguous."""
        name = "delivery.ambiguous" if outcome.ambiguous else f"delivery.{outcome.result}"
        level = self._log.info if outcome.result == "sent" else self._log.warning
        level(
            name, queue_id=mail.queue_id, message_id=mail.message_id, sender=self.address(mail.identity.address),
            rcpt_domains=[address.domain(delivery.address)], recipient=self.address(delivery.address),
            attempt=delivery.attempts, remote=destination, smtp_code=outcome.reply.code,
            enhanced_code=outcome.reply.enhanced, duration_ms=round(seconds * 1000, 1), due=_iso(outcome.due_at),
            error="" if outcome.result == "sent" else outcome.reply.text,
        )  # fmt: skip

    def signature_removed(self, queue_id: str, domain: str, selector: str) -> None:
        """A DKIM signature of a domain of ours, which our edits had made invalid."""
        self._log.info("signature.removed", queue_id=queue_id, domain=domain, selector=selector)

    def damaged(self, queue_id: str, error: str) -> None:
        self._log.error("message.damaged", queue_id=queue_id, error=error)

    def noticed(self, kinds: Iterable[str], queue_ids: Iterable[str], person: str, outcome: Outcome) -> None:
        ok = outcome.result == "sent"
        level = self._log.info if ok else self._log.warning
        level(
            "notice.sent" if ok else f"notice.{outcome.result}", queue_id=",".join(queue_ids), kinds=sorted(set(kinds)),
            recipient=self.address(person), smtp_code=outcome.reply.code, error="" if ok else outcome.reply.text,
        )  # fmt: skip

    def held_back(self, mails: int) -> None:
        """So many mails have their bytes for a legal hold alone; said when it becomes another number."""
        self._log.warning("retention.held", mails=mails)

    def journalled(self, claim: JournalClaim, outcome: Outcome) -> None:
        """Whatever the archive answers, it is told until it has taken it."""
        taken = outcome.result == "sent"
        level = self._log.info if taken else self._log.warning
        level(
            "journal.sent" if taken else "journal.deferred", queue_id=claim.mail.queue_id,
            facts=sorted(set(claim.facts.values())), attempt=claim.attempts, smtp_code=outcome.reply.code,
            enhanced_code=outcome.reply.enhanced, error="" if taken else outcome.reply.text,
        )  # fmt: skip

    def webhook_failed(self, claim: CallClaim, answer: str, *, over: bool) -> None:
        """Tried again, unless it is `over`. The host alone: an address may have a secret in it."""
        level = self._log.error if over else self._log.warning
        level(
            "webhook.given_up" if over else "webhook.deferred", queue_id=claim.event.queue_id,
            remote=urlsplit(claim.url).netloc, attempt=claim.attempts, error=answer,
        )  # fmt: skip

    # what other domains demand of our TLS
    def policy_learnt(self, domain: str, mode: str, until: datetime) -> None:
        """An MTA-STS policy is new, or has changed."""
        self._log.info("mta_sts.learnt", rcpt_domains=[domain], mode=mode, until=until.isoformat())

    def policy_unread(self, domain: str, why: str, *, kept: bool) -> None:
        """`kept`: one that was known before stays in force."""
        self._log.warning("mta_sts.unread", rcpt_domains=[domain], mode="kept" if kept else "none", error=why)

    def policy_unmet(self, domain: str, host: str, why: str) -> None:
        """The policy is only tested: the mail leaves all the same."""
        self._log.warning("mta_sts.unmet", rcpt_domains=[domain], remote=host, mode="testing", error=why)

    # shapes
    def address(self, value: str) -> str:
        """An address as the settings want it written."""
        if not value or self.settings.addresses == "full":
            return value
        if self.settings.addresses == "domain":
            return "@" + address.domain(value) if "@" in value else "…"
        return hashlib.sha256(address.key(value).encode()).hexdigest()[:16]

    def _words(self, text: str) -> str:
        """A sentence with its addresses as the settings want them written."""
        return _ADDRESS.sub(lambda found: self.address(found[0]), text)

    def _payer(self, name: str) -> str:
        """'login ann@corp.example', 'listener 127.0.0.1:25': a login may be an address."""
        kind, _, who = name.partition(" ")
        return f"{kind} {self.address(who) if kind == 'login' else who}"

    def _actor(self, actor: Actor) -> str:
        return f"{self.address(actor.name) if '@' in actor.name else actor.name} ({actor.via})"

    def _mail(self, mail: NewMail) -> dict[str, Any]:
        recipients = mail.envelope.addresses
        return {
            "queue_id": mail.queue_id,
            "message_id": mail.message_id,
            "session_id": mail.session_id,
            "sender": self.address(mail.identity.address),
            "rcpt_count": len(recipients),
            "rcpt_domains": sorted({address.domain(r) for r in recipients})[:50],
            "size": len(mail.raw),
            "subject": mail.subject if self.settings.subjects else None,
        }


def _change(edit: headers.Edit) -> str:
    """Its kind, and why it was not made."""
    why = f": {edit.what}, {edit.why or 'signed'}" if isinstance(edit, headers.Withheld) else ""
    return edits.kind_of(edit) + why


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z") if instant else None


def _without_values(error: BaseException) -> BaseException:
    """The traceback stays, the message goes: an exception's text may quote the mail that caused it."""
    bare = RuntimeError(type(error).__name__)
    bare.__traceback__ = error.__traceback__
    return bare
