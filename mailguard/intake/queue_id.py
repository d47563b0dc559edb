"""Short ids for people: in the 250, in logs, links and commands. Sorted by time, unique over hosts."""

import secrets
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
_TIME, _RANDOM = 9, 4  # characters of five bits: milliseconds till the year 3084, 20 random bits

_last = [0, 0]  # both parts of the one before


def new(now: datetime) -> str:
    """Thirteen characters; later ids sort after earlier ones (to the millisecond). Not for several threads.

    In the same millisecond one process counts on (as ULIDs do): chance alone would soon give two mails one id.
    """
    at = int(now.timestamp() * 1000)
    chance = _last[1] + 1 if at == _last[0] else secrets.randbits(5 * _RANDOM)
    _last[:] = at, chance
    return _base32(at, _TIME) + _base32(chance, _RANDOM)


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(length)))
