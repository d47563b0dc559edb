"""Word lists that come with mailguard: one word or phrase a line, `#` starts a comment."""

from functools import cache
from importlib.resources import files

from mailguard.mail import address

_HOME = files(__name__)


@cache
def names() -> tuple[str, ...]:
    """The lexicons there are."""
    return tuple(sorted(file.name.removesuffix(".txt") for file in _HOME.iterdir() if file.name.endswith(".txt")))


@cache
def words(name: str) -> tuple[str, ...]:
    """A lexicon's entries. KeyError when there is none of this name."""
    if name not in names():
        raise KeyError(name)
    lines = (_HOME / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(entry for line in lines if (entry := line.partition("#")[0].strip()))


@cache
def freemail() -> frozenset[str]:
    """Domains where anyone may open a mailbox."""
    return frozenset(address.domain(f"x@{domain}") for domain in words("freemail"))
