"""Short ids for people: in the 250, in logs, links and commands. Sorted by time, unique over hosts."""

import secrets
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits each
_RANDOM = 20  # bits, in the last four characters; the nine before them are milliseconds till the year 3084

_last = [0, 0]  # both parts of the one before


def new(now: datetime) -> str:
    """Thirteen characters; later ids sort after earlier ones (to the millisecond). Not for several threads.

    In the same millisecond one process counts on (as ULIDs do): chance alone would soon give two mails one id.
    """
    at = int(now.timestamp() * 1000)
    chance = _last[1] + 1 if at == _last[0] else secrets.randbits(_RANDOM)
    _last[:] = at, chance
    number = at << _RANDOM | chance & (1 << _RANDOM) - 1
    return _ALPHABET[number >> 60 & 31] + "".join([_PAIRS[number >> bits & 1023] for bits in (50, 40, 30, 20, 10, 0)])
