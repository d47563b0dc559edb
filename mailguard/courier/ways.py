"""Which way out a recipient takes: pure, and the same answer whether asked by address or by destination."""

from mailguard.courier.settings import Hop, NextHop
from mailguard.mail import address as addresses


class Ways:
    """The settings' routes, ready to be asked."""

    def __init__(self, settings: NextHop) -> None:
        self._default: Hop = settings
        self._exact = {name: hop for name, hop in settings.routes.items() if not name.startswith("*.")}
        wild = [(name, hop) for name, hop in settings.routes.items() if name.startswith("*.")]
        self._wild = sorted(wild, key=lambda item: -len(item[0]))  # the closest pattern wins
        self._smarthosts = {hop.smarthost: hop for hop in self.hops if hop.smarthost}

    @property
    def hops(self) -> tuple[Hop, ...]:
        """All ways, the default first."""
        return (self._default, *self._exact.values(), *(hop for _, hop in self._wild))

    def destination(self, address: str) -> str:
        """'host:port' of a smarthost, or 'mx:domain'."""
        domain = addresses.domain(address)
        return self._for(domain).smarthost or f"mx:{domain}"

    def routed(self, domain: str) -> bool:
        """Whether the settings name a server for just this domain: then DNS need not know it."""
        hop = self._for(domain)
        return hop is not self._default and hop.smarthost is not None

    def hop(self, destination: str) -> Hop | None:
        """The settings of a destination; None when no route leads there any more."""
        if not destination.startswith("mx:"):
            return self._smarthosts.get(destination)
        hop = self._for(destination.removeprefix("mx:"))
        return hop if hop.mx else None

    def _for(self, domain: str) -> Hop:
        exact = self._exact.get(domain)
        if exact is not None:
            return exact
        return next((hop for name, hop in self._wild if addresses.within(domain, name)), self._default)
