"""Trying somebody's login at another server (`users: {upstream: …}`): the same dialling as for mail, no mail."""

from dataclasses import replace
from pathlib import Path

from mailguard.courier.route import Route
from mailguard.courier.settings import Hop, Tls
from mailguard.courier.smtp import LoginRefused, Manner, Unreachable, dial
from mailguard.document.units import host_port
from mailguard.errors import TemporaryFailure

_IMPLICIT = 465
_WRONG = 500  # 535, and whatever else is final


def upstream_hop(server: str, ca_file: Path | None) -> Hop:
    """How an upstream is spoken to: TLS always, from the first byte on port 465, by STARTTLS elsewhere."""
    tls = Tls.IMPLICIT if host_port(server)[1] == _IMPLICIT else Tls.STARTTLS
    return Hop(smarthost=server, tls=tls, ca_file=ca_file)


async def try_login(route: Route, manner: Manner, server: str, name: str, password: str) -> bool:
    """Whether the server lets this login in. TemporaryFailure 454 when it can't be asked."""
    trial = replace(manner, login=(name, password))
    trouble: Exception | None = None
    for host in await route.smarthost(*host_port(server)):
        try:
            session = await dial(host, trial)
        except LoginRefused as error:
            if error.said >= _WRONG:
                return False
            trouble = error
        except Unreachable as error:
            trouble = error
        else:
            session.wire.quit()
            return True
    raise TemporaryFailure("the login server does not answer", code=454, enhanced="4.7.0") from trouble
