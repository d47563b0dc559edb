"""What must hold of a connection to a stranger's mail server: DANE before MTA-STS, and never less than they say."""

import ssl
from dataclasses import dataclass, replace

from mailguard.courier import dane
from mailguard.courier.certificate import chain
from mailguard.courier.lookup import Lookup, Tlsa
from mailguard.courier.route import Host
from mailguard.courier.settings import Tls
from mailguard.courier.smtp import Manner, Session, TlsFailed, Unreachable, dial
from mailguard.courier.sts import Policies, Policy
from mailguard.errors import SmtpError
from mailguard.locale import N_
from mailguard.log import Log


@dataclass(frozen=True, slots=True)
class Guard:
    """Opens sessions."""

    lookup: Lookup
    policies: Policies | None
    log: Log | None

    async def policy(self, domain: str) -> Policy | None:
        """What the domain demands by MTA-STS; None: nothing."""
        return await self.policies.of(domain) if self.policies is not None else None

    async def open(
        self, host: Host, domain: str, usual: Manner, strict: Manner, policy: Policy | None, *, require: bool = False
    ) -> Session:  # fmt: skip
        """A session with a server of the domain, in the `usual` manner where nothing is demanded.

        `require`: REQUIRETLS, so with TLS that is verified and a server that is vouched for, whatever they demand.
        Errors: Unreachable and what `dial` raises. A demand that is not met is one (4.7.5): nothing was sent.
        """
        records = await self._records(host)
        trusted = dane.usable(records)
        if trusted:
            return await _vouched(host, strict, trusted)
        if require:
            if not (host.secure or (policy is not None and policy.allows(host.name))):
                words = N_(
                    "REQUIRETLS: nobody vouches that {host} is a mail server of {domain} (no DNSSEC, no MTA-STS)"
                )
                raise TlsFailed(words, enhanced="4.7.10", host=str(host), domain=domain)
            return await dial(host, strict)
        if policy is not None:
            try:
                return await _allowed(host, domain, strict, policy)
            except TlsFailed as error:
                if policy.mode == "enforce":
                    raise
                if self.log is not None:
                    self.log.policy_unmet(domain, str(host), error.text)
        if records:  # TLSA that nobody can use: it is encrypted, with whomever (RFC 7672 §2.2)
            return await dial(host, _unchecked(strict) if usual.tls is None else usual)
        return await dial(host, usual)

    async def _records(self, host: Host) -> list[Tlsa]:
        """TLSA records of a server whose name and address DNSSEC vouches for; who can't ask must not send."""
        if not host.secure:
            return []
        try:
            return await self.lookup.tlsa(f"_{host.port}._tcp.{host.name}")
        except SmtpError as error:
            raise Unreachable(
                N_("{host} may have TLSA records, and DNS does not say: {why}"), enhanced="4.7.5", host=str(host),
                why=error.text,
            ) from error  # fmt: skip


async def _allowed(host: Host, domain: str, strict: Manner, policy: Policy) -> Session:
    if not policy.allows(host.name):
        words = N_("{host} is none of the mail servers that the MTA-STS policy of {domain} names: nothing was sent")
        raise TlsFailed(words, enhanced="4.7.5", host=str(host), domain=domain)
    return await dial(host, strict)


async def _vouched(host: Host, strict: Manner, records: list[Tlsa]) -> Session:
    """DANE. What the server shows is looked at first; if it is who signed it that counts, OpenSSL checks that anew."""
    session = await dial(host, _unchecked(strict))
    shown = chain(session.wire.tls)
    if dane.is_server(records, shown):
        session.verified = True
        return session
    session.wire.quit()
    failed = TlsFailed(
        N_("the certificate of {host} is not the one that its TLSA records vouch for: nothing was sent"),
        enhanced="4.7.5", host=str(host),
    )  # fmt: skip
    trusted = dane.anchors(records, shown)
    if not trusted:
        raise failed
    try:
        context = dane.context(trusted)
    except ValueError:
        raise failed from None
    return await dial(host, replace(strict, context=context))


def _unchecked(manner: Manner) -> Manner:
    """TLS in any case, whoever signed the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return replace(manner, tls=Tls.STARTTLS, context=context)
