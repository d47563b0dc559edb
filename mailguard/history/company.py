"""Who was in one mail with whom: as this person sent mail, and as they got it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mailguard.history.ledger import Ledger, fresh

_LOOKED_AT = 300  # mails of all recipients together
_GOT_LOOKED_AT = 150
_LEAST, _GOT_LEAST = 20, 15  # of each
_ROUND = 30  # recipients: who else got a round mail was not forgotten here
_PRIOR, _PRIOR_RATE = 0.3, 0.05  # a group that was never seen is worth so much of a mail


class Company:
    """One recipient and the others. Shares are from 0 to 1."""

    __slots__ = (
        "beside",
        "close",
        "got_beside",
        "got_close",
        "got_last",
        "got_mails",
        "got_share",
        "last",
        "others",
        "share",
    )

    def __init__(self) -> None:
        self.share = self.close = self.others = 0.0  # of mails with such others, those with it; how like the closest is
        self.beside: set[str] = set()  # recipients, itself too, that were in one mail with it
        self.last = 0.0  # when
        self.got_share = self.got_close = self.got_last = 0.0
        self.got_beside: set[str] = set()
        self.got_mails = 0


def company(ledger: Ledger, recipients: Sequence[str], now: float) -> tuple[Mapping[str, Company], Mapping[str, float]]:
    """Of each recipient; and who else was usually with them all, with a weight."""
    found = {key: Company() for key in recipients}
    missing = _sent(ledger, found, now)
    _got(ledger, found, now)
    return found, missing


def _places(index: Mapping[str, list[int]], keys: Sequence[str], most: int, least: int) -> set[int]:
    each = max(least, most // len(keys))
    return {place for key in keys for place in index.get(key, ())[-each:]}


class _Group:
    """Mails that had the same of these recipients in them."""

    __slots__ = ("last", "least", "mails", "weight")

    def __init__(self) -> None:
        self.weight = self.last = 0.0
        self.mails = 0
        self.least = 0  # recipients of the smallest of them


def _sent(ledger: Ledger, found: Mapping[str, Company], now: float) -> Mapping[str, float]:
    everyone, missing = frozenset(found), defaultdict[str, float](float)
    others = len(found) - 1
    if not others:
        return missing
    groups = defaultdict[frozenset[str], _Group](_Group)
    for place in sorted(_places(ledger.with_, list(found), _LOOKED_AT, _LEAST)):
        everybody, at = ledger.sets[place], ledger.sent[place].at
        here = everybody & everyone
        group, weight, size = groups[here], fresh(at, now), len(everybody)
        group.weight += weight
        group.last = max(group.last, at)
        group.least = min(group.least or size, size)
        if others <= len(here) < size <= _ROUND:
            for key in everybody - everyone:
                missing[key] += weight
    for here, group in groups.items():
        for key in here if len(here) > 1 else ():
            one = found[key]
            one.last = max(one.last, group.last)
            one.close = max(one.close, len(here) / (group.least + len(found) - len(here)))
            one.beside |= here
    for key, (share, without) in _shares(found, {here: group.weight for here, group in groups.items()}, others).items():
        found[key].share, found[key].others = share, without / others
    return missing


def _got(ledger: Ledger, found: Mapping[str, Company], now: float) -> None:
    everyone, others = frozenset(found), max(len(found) - 1, 1)
    groups = defaultdict[frozenset[str], _Group](_Group)
    for place in sorted(_places(ledger.got_with, list(found), _GOT_LOOKED_AT, _GOT_LEAST)):
        group, at = groups[ledger.got_sets[place] & everyone], ledger.got[place].at
        group.mails += 1
        group.weight += fresh(at, now)
        group.last = max(group.last, at)
    for here, group in groups.items():
        for key in here:
            one = found[key]
            one.got_mails += group.mails
            one.got_last = max(one.got_last, group.last)
            if len(here) > 1:
                one.got_beside |= here
                one.got_close = max(one.got_close, (len(here) - 1) / others)
    weights = {here: group.weight for here, group in groups.items()}
    for key, (share, _) in _shares(found, weights, others).items():
        found[key].got_share = share


def _shares(
    keys: Iterable[str], weights: Mapping[frozenset[str], float], others: int
) -> Mapping[str, tuple[float, int]]:
    """Of each: the share of mails with such others that had it too; how many of the others one without it had."""
    everywhere = sum(weight * (len(here) / others) ** 2 for here, weight in weights.items())
    seen, with_it = dict.fromkeys(keys, everywhere), dict.fromkeys(keys, 0.0)
    by_size = sorted(weights, key=len, reverse=True)
    for here, weight in weights.items():
        without, beside = (len(here) / others) ** 2, ((len(here) - 1) / others) ** 2
        for key in here:
            seen[key] += weight * (beside - without)
            with_it[key] += weight * beside
    return {
        key: (
            (with_it[key] + _PRIOR * _PRIOR_RATE) / (seen[key] + _PRIOR),
            next((len(here) for here in by_size if key not in here), 0),
        )
        for key in seen
    }
