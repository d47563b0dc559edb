"""Parts of a domain's name: what was registered, and under which public ending (the public suffix list)."""

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

import idna
from publicsuffixlist import PublicSuffixList

from mailguard.mail.address import a_label
from mailguard.mail.confusable import plain


@cache
def _suffixes() -> PublicSuffixList:
    """The list as it is embedded in its library; reading it takes some milliseconds."""
    return PublicSuffixList()


@lru_cache(maxsize=16384)
def registered(host: str) -> str:
    """`mail.client.co.uk` → `client.co.uk`. A public ending, an address literal, or '' comes back as it is."""
    name = a_label(host)
    if not name or name.startswith("["):
        return name
    return str(_suffixes().privatesuffix(name) or name)


@lru_cache(maxsize=16384)
def public(ending: str) -> bool:
    """Whether names can be registered under this ending, as far as the list knows."""
    return _suffixes().publicsuffix(ending, accept_unknown=False) == ending


@lru_cache(maxsize=4096)
def readable(host: str) -> str:
    """`xn--w-uga1v8h.example` as people read it; what does not decode comes back as it is."""
    if "xn--" not in host:
        return host
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


class Domains(Mapping[str, int]):
    """Many registered domains, each with a number, that can be asked for those spelt nearly like one.

    One slip leaves a name's first two letters as they are, or its last two: those are what is looked up.
    """

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self._counts = dict(counts or {})
        self._edges: dict[tuple[str, ...], list[str]] = {}
        for name in self._counts:
            for edge in _edges(name):
                self._edges.setdefault(edge, []).append(name)

    def near(self, domain: str) -> set[str]:
        """All that a slip in one of them could make into `domain`, and more."""
        return {name for edge in _edges(domain) for name in self._edges.get(edge, ())}

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)


def _edges(domain: str) -> tuple[tuple[str, ...], ...]:
    """By the name alone (the ending may be what differs), and by each end of the name with the ending."""
    shown = readable(domain)
    name, _, ending = (shown if shown.isascii() else plain(shown)).partition(".")
    return (name,), (name[:2], "", ending), ("", name[-2:], ending)
