"""What the world is told in DNS about our domains: where their mail goes, who may send for them, who signs it."""

from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass

from mailguard.courier.lookup import Lookup
from mailguard.doctor import spf
from mailguard.doctor.finding import Finding, fail, ok, unknown, warn
from mailguard.errors import PermanentFailure
from mailguard.mail.domains import registered

STRANGER = "203.0.113.255"  # of a network that exists in documents only (RFC 5737)
_MANY = 8  # look-ups of ten: what an included provider adds next breaks it
_POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class Policy:
    """A DMARC record; `where` is the domain that has it."""

    where: str
    tags: dict[str, str]

    @property
    def wanted(self) -> str:
        """What receivers are asked to do; '' when that can't be read."""
        found = self.tags.get("p", "").lower()
        return found if found in _POLICIES else ""


async def mail_servers(lookup: Lookup, domain: str) -> Finding:
    """Whether mail to the domain finds a server."""
    check = f"mx {domain}"
    found = await lookup.exchangers(domain)
    if found is None:
        return fail(check, "the domain does not exist", "register it, or take it out of organization.domains")
    servers = sorted((one.preference, one.name) for one in found[0])
    if not servers:
        return warn(check, "no MX record: mail to it goes to the domain's own address", f"add an MX record to {domain}")
    if all(not name for _, name in servers):
        return warn(
            check, "a null MX: it takes no mail", "notices to its people can't arrive: change it, if it has any"
        )
    lost = [name for _, name in servers if name and not any(have for have, _ in await lookup.addresses(name))]
    if lost:
        return fail(check, f"no address: {', '.join(lost)}", "add an address record, or take the MX record away")
    return ok(check, ", ".join(f"{preference} {name}" for preference, name in servers))


async def senders(lookup: Lookup, domain: str, egress: tuple[str, ...], helo: str) -> Finding:
    """Whether the SPF record is sound and lets the addresses send that our mail leaves from."""
    check, sender = f"spf {domain}", f"postmaster@{domain}"
    try:
        text = await spf.record(lookup, domain)
    except ValueError as error:
        return fail(check, str(error), "put everything into one record: several are an error to every receiver")
    if text is None:
        how = f'publish {domain}. TXT "v=spf1 {" ".join(_terms(egress)) or "include:YOUR-PROVIDER"} -all"'
        return fail(check, "no SPF record: receivers can't tell our mail from forged mail", how)
    stranger = await spf.judge(lookup, STRANGER, domain, sender=sender, helo=helo)
    if stranger.result is spf.Spf.PERMERROR:
        return fail(check, stranger.why, "correct the record; until then it is as good as none")
    if stranger.result is spf.Spf.TEMPERROR:
        return unknown(check, stranger.why, "try again; if it stays, the DNS servers of an included domain are broken")
    if stranger.result is spf.Spf.PASS:
        return fail(check, "it lets every address on earth send for us", "end the record with -all, not with +all")
    for address in egress:
        judged = await spf.judge(lookup, address, domain, sender=sender, helo=helo)
        if judged.result is not spf.Spf.PASS:
            how = f"add {_terms((address,))[0]} to the record, before its all"
            return fail(check, f"our mail leaves from {address}, and the record says {judged.result} of it", how)
    return _sound(check, stranger, egress)


def _sound(check: str, stranger: spf.Judged, egress: tuple[str, ...]) -> Finding:
    spent = f"{stranger.lookups} of {spf.MOST_LOOKUPS} DNS look-ups"
    if not egress:
        how = "name it: mailguard doctor --egress ADDRESS (what a receiver sees in its first Received line)"
        return unknown(check, f"the record is sound ({spent}); the address our mail leaves from is not known here", how)
    if stranger.lookups > _MANY:
        how = "replace an include by the addresses behind it: over the limit the whole record counts as broken"
        return warn(check, f"covers {', '.join(egress)}, but takes {spent}", how)
    if stranger.result is not spf.Spf.FAIL and stranger.result is not spf.Spf.SOFTFAIL:
        return warn(check, f"covers {', '.join(egress)}, but refuses nobody", "end the record with -all or ~all")
    return ok(check, f"covers {', '.join(egress)} ({spent})")


def _terms(egress: tuple[str, ...]) -> list[str]:
    return [f"{'ip6' if ':' in address else 'ip4'}:{address}" for address in egress]


async def policy(lookup: Lookup, domain: str) -> Policy | None:
    """The DMARC record in force (RFC 7489 §6.6.3); None: there is none. ValueError: it is no good."""
    for where in dict.fromkeys((domain, registered(domain))):
        try:
            texts = await lookup.texts(f"_dmarc.{where}") or []
        except PermanentFailure:
            continue
        records = [text for text in texts if text.replace(" ", "").upper().startswith("V=DMARC1")]
        if len(records) > 1:
            raise ValueError(f"{where} has {len(records)} DMARC records, which counts as none")
        if records:
            return Policy(where, dict(_tags(records[0])))
    return None


def _tags(record: str) -> Iterator[tuple[str, str]]:
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            yield name.strip().lower(), value.strip()


async def dmarc(lookup: Lookup, domain: str) -> Finding:
    """Whether receivers are told what to do with mail that only claims to be ours."""
    check = f"dmarc {domain}"
    try:
        found = await policy(lookup, domain)
    except ValueError as error:
        return fail(check, str(error), "keep one")
    reports = f"rua=mailto:dmarc@{domain}"
    if found is None:
        how = f'publish _dmarc.{registered(domain)}. TXT "v=DMARC1; p=none; {reports}" and read the reports'
        return warn(check, "no DMARC record: anybody may use the domain as From", how)
    if not found.wanted:
        return fail(check, f"the record of {found.where} has no p= that counts", "write p=none, quarantine or reject")
    if found.wanted == "none":
        return warn(check, "p=none: forged mail is only reported", "go on to p=quarantine, then p=reject")
    strict = " and ".join(name for name in ("aspf", "adkim") if found.tags.get(name, "r").lower() == "s")
    return ok(check, f"p={found.wanted}" + (f", strict {strict}" if strict else ""))


async def notices(lookup: Lookup, domain: str, helo: str, egress: tuple[str, ...], signers: Collection[str]) -> Finding:
    """Whether our own mails pass the DMARC policy of their From: they have the null sender, so SPF judges the HELO.

    `signers` are domains whose mail is signed, that of their sub-domains too.
    """
    check = f"dmarc of notices ({domain})"
    try:
        found = await policy(lookup, domain)
    except ValueError:
        found = None
    exact = found is not None and found.tags.get("adkim", "r").lower() == "s"
    signer = next((one for one in signers if domain == one or (not exact and domain.endswith(f".{one}"))), None)
    if signer is not None:
        return ok(check, f"signed with DKIM for {signer}")
    if found is None or found.wanted in ("", "none"):
        return ok(check, "no policy that would refuse them")
    how = f"sign mail of {domain} with DKIM, here or at the next hop"
    if not egress:
        words = f"p={found.wanted}: they need DKIM, and who signs them is not known here"
        return unknown(check, words, how)
    strict = found.tags.get("aspf", "r").lower() == "s"
    aligned = helo == domain if strict else registered(helo) == registered(domain)
    if not aligned:
        words = f"p={found.wanted}, and smtp.hostname {helo} is not of {domain}: SPF does not count for them"
        return fail(check, words, how)
    async for address, result in _as_helo(lookup, helo, egress):
        if result is not spf.Spf.PASS:
            words = f"p={found.wanted}, and SPF says {result} of {address} for the HELO name {helo}"
            return fail(check, words, f'publish {helo}. TXT "v=spf1 {" ".join(_terms(egress))} -all", or {how}')
    return ok(check, f"p={found.wanted}; SPF of the HELO name {helo} is aligned")


async def _as_helo(lookup: Lookup, helo: str, egress: tuple[str, ...]) -> AsyncIterator[tuple[str, spf.Spf]]:
    for address in egress:
        judged = await spf.judge(lookup, address, helo, sender=f"postmaster@{helo}", helo=helo)
        yield address, judged.result


async def reverse(lookup: Lookup, address: str, hostname: str) -> Finding:
    """Whether the address has our name in the reverse zone: large receivers refuse direct mail without."""
    check = f"reverse {address}"
    names = await lookup.names_of(address)
    how = f"have the owner of the address set its PTR record to {hostname}"
    if not names:
        return fail(check, "no PTR record", how)
    if hostname.lower() not in {name.lower() for name in names}:
        return warn(check, f"leads to {', '.join(names)}, not to smtp.hostname {hostname}", how)
    return ok(check, hostname)
