"""Our re-implementation of the protocol of Carvalho & Cohen, SDM 2007.

The last tenth of each sender's mail is the test, and nothing is learnt in it; to a mail among known contacts one is
added whose name begins alike (any, when there is none). What counts is how often it surprises most.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean

from rich.console import Console
from rich.progress import track

from benchmarks.mailcorpus import LEAST, MOST, Sent, senders
from benchmarks.measured import Injected
from mailguard.history.firm import Firm
from mailguard.history.signs import Outgoing, Signs
from mailguard.history.slips import Slip, World, person, starts
from mailguard.history.trees import Model

TRIALS, TESTED = 10, 10  # slips in one mail; mails of a sender who counts


def sdm(mails: Sequence[Sent], models: Callable[[str], Model]) -> str:
    who = senders(mails, LEAST)
    domains = {sender.rpartition("@")[2] for sender in who}
    related = defaultdict[str, list[int]](list)
    for place, mail in enumerate(mails):
        for one in {mail.sender, *mail.recipients} & who.keys():
            related[one].append(place)
    rows, mails_tested = list[float](), 0
    for sender, places in track(who.items(), "senders", console=Console(stderr=True)):
        cut, firm, book = places[int(0.9 * len(places))], Firm(_inside(domains)), dict[str, None]()
        for place in related[sender]:
            if place < cut:
                firm.learn(mails[place].outgoing().remembered())
                if mails[place].sender == sender:
                    book |= dict.fromkeys(mails[place].recipients)
        tested = [
            mails[place]
            for place in places
            if place >= cut and len(mails[place].recipients) <= MOST and book.keys() >= {*mails[place].recipients}
        ]
        if len(tested) >= TESTED:
            people = [key for key in book if person(key)]
            rows.append(fmean(first for mail in tested for first in _trials(firm, mail, people, models(sender))))
            mails_tested += len(tested)
    figure = f"accuracy@1 {fmean(rows):.3f}, {len(rows)} senders, {mails_tested:,} mails"
    return f"our re-implementation of the SDM 2007 protocol: {figure}"


def _inside(domains: set[str]) -> Callable[[str], bool]:
    return lambda key: key.rpartition("@")[2] in domains


def _trials(firm: Firm, mail: Sent, people: Sequence[str], model: Model) -> list[float]:
    return [_first(firm, leak, model) for trial in range(TRIALS) if (leak := _leak(mail, people, trial))]


def _leak(mail: Sent, people: Sequence[str], trial: int) -> Slip | None:
    rng = random.Random(f"1|{mail.id}|t{trial}")
    meant = rng.choice(mail.recipients)
    others = [key for key in people if key not in {*mail.recipients, mail.sender}]
    near = [key for key in others if starts(key, 3) & starts(meant, 3)]
    return World.added(mail.outgoing(), meant, rng.choice(near or others), rng) if near or others else None


def _first(firm: Firm, leak: Slip, model: Model) -> float:
    scores = _scores(firm, leak.mail, model)
    others = tuple(score for key, score in scores.items() if key != leak.wrong)
    return Injected(scores[leak.wrong], others, "3g", leak.mail.sender, outside=False).first


def _scores(firm: Firm, mail: Outgoing, model: Model) -> dict[str, float]:
    rows = Signs(firm.ledger(mail.sender), firm.background(mail.recipients), mail).rows()
    return dict(zip(mail.recipients, map(model.score, rows), strict=True))
