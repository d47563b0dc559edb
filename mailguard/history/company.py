"""Who was in one mail with whom: as this person sent mail, and as they got it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

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


def _sent(ledger: Ledger, found: Mapping[str, Company], now: float) -> Mapping[str, float]:
    everyone, missing = frozenset(found), defaultdict[str, float](float)
    others = len(found) - 1
    if not others:
        return missing
    seen, with_it = dict.fromkeys(found, 0.0), dict.fromkeys(found, 0.0)
    for place in _places(ledger.with_, list(found), _LOOKED_AT, _LEAST):
        group, mail = ledger.sets[place], ledger.sent[place]
        here = group & everyone
        weight = fresh(mail.at, now)
        union = len(group) + len(found) - len(here)
        for key, one in found.items():
            inside = key in here
            count = len(here) - inside
            if not count:
                continue
            worth = weight * (count / others) ** 2
            seen[key] += worth
            if inside:
                with_it[key] += worth
                one.last = max(one.last, mail.at)
                one.close = max(one.close, len(here) / union)
                one.beside |= here
            else:
                one.others = max(one.others, count / others)
        if len(here) >= others and len(here) < len(group) <= _ROUND:
            for key in group - everyone:
                missing[key] += weight
    for key, one in found.items():
        one.share = (with_it[key] + _PRIOR * _PRIOR_RATE) / (seen[key] + _PRIOR)
    return missing


def _got(ledger: Ledger, found: Mapping[str, Company], now: float) -> None:
    everyone, others = frozenset(found), max(len(found) - 1, 1)
    seen, with_it = dict.fromkeys(found, 0.0), dict.fromkeys(found, 0.0)
    for place in _places(ledger.got_with, list(found), _GOT_LOOKED_AT, _GOT_LEAST):
        here, mail = ledger.got_sets[place] & everyone, ledger.got[place]
        weight = fresh(mail.at, now)
        for key, one in found.items():
            inside = key in here
            count = len(here) - inside
            worth = weight * (count / others) ** 2
            seen[key] += worth
            if inside:
                one.got_mails += 1
                one.got_last = max(one.got_last, mail.at)
                with_it[key] += worth
                if count:
                    one.got_beside |= here
                    one.got_close = max(one.got_close, count / others)
    for key, one in found.items():
        one.got_share = (with_it[key] + _PRIOR * _PRIOR_RATE) / (seen[key] + _PRIOR)
