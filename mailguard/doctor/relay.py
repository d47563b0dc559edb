"""Whether a stranger could send through us: our own listeners, asked as one would."""

import ssl

from mailguard.courier.rehearsal import rehearse
from mailguard.courier.route import Host
from mailguard.courier.smtp import Unreachable, dial
from mailguard.courier.wire import Broken, Timeouts
from mailguard.doctor.finding import Finding, fail, ok, unknown
from mailguard.doctor.tls import manner
from mailguard.document.units import host_port
from mailguard.smtpd.gate import trusted
from mailguard.smtpd.settings import Auth, Listener

FROM, TO = "doctor@stranger.example", "doctor@outside.example"  # nobody's (RFC 2606)
_TEMPORARY = 4


async def open_to_strangers(listener: Listener, hostname: str, address: str, timeouts: Timeouts) -> Finding:
    """MAIL and RCPT from one outside address to another, without a login; never DATA."""
    check = f"open relay {listener.bind}"
    host = Host(hostname, address, host_port(listener.bind)[1])
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # whoever is asked, it is about what it lets through
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    try:
        session = await dial(host, manner(listener, hostname, unchecked, timeouts))
        found = await rehearse(session, [FROM], TO)
    except (Unreachable, Broken) as error:
        return unknown(check, error.text, "start mailguard, and look again")
    said = found.refused.get(FROM)
    if said is None:
        how = "auth: required, or name the networks that may send without a login"
        return fail(check, f"takes mail from {FROM} to {TO} without a login", how)
    if said.code // 100 == _TEMPORARY:
        return unknown(check, f"could not decide: {said}", "look at the log, and again")
    inside = listener.auth is Auth.NONE and trusted(address, listener.trusted)
    seen = "; this machine is in its networks, so only the sender was refused" if inside else ""
    return ok(check, f"refused: {said}{seen}")
