"""`mailguard history evaluate`: a firm's past mail judged in the order it was sent."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mailguard.cli.common import plain, say, table
from mailguard.history.doubt import alarm, doubts
from mailguard.history.firm import Firm
from mailguard.history.settings import Learn
from mailguard.history.signs import Outgoing
from mailguard.history.slips import World
from mailguard.history.trees import shipped
from mailguard.records import Doubt

Alarms = tuple[bool, ...]
_DAY = 86400.0
_SEED = "evaluate"


@dataclass
class Looked:
    """`ordinary` and `slips`: of each mail, whether it is an alarm by each of the budgets."""

    mails: int = 0
    ordinary: dict[str, list[Alarms]] = field(default_factory=lambda: defaultdict(list))
    slips: list[Alarms] = field(default_factory=list)
    outside: list[Alarms] = field(default_factory=list)  # of these, to outsiders
    suggested: int = 0
    examples: list[tuple[Outgoing, Doubt]] = field(default_factory=list)


def look_back(
    mails: Iterable[tuple[int, int, Outgoing]], inside: Callable[[str], bool], learn: Learn, shares: Sequence[float],
    examples: int, progress: Callable[[int, int], None],
) -> Looked:  # fmt: skip
    firm, world, found = Firm(inside), World(), Looked()
    for done, total, mail in mails:
        progress(done, total)
        found.mails += 1
        scores: dict[str, float] = {}
        sent = firm.ledger(mail.sender).sent
        if len(sent) >= learn.mails and mail.at - sent[0].at >= learn.days * _DAY:
            said = judge(firm, mail, max(shares))
            if said:
                scores = {key: one.score for key, one in said.items()}
                worst = min(said.values(), key=lambda one: one.rarity)
                alarms = _alarms(firm, mail, worst, shares)
                found.ordinary[mail.sender].append(alarms)
                if worst.why and alarms[shares.index(min(shares))] and len(found.examples) < examples:
                    found.examples.append((mail, worst))
                _slip(firm, world, mail, f"{done}", inside, shares, found)
        firm.learn(mail.remembered(scores))
        world.observe(mail)
    return found


def _slip(
    firm: Firm, world: World, mail: Outgoing, name: str, inside: Callable[[str], bool], shares: Sequence[float],
    found: Looked,
) -> None:  # fmt: skip
    slip = world.slip(mail, name, _SEED)
    said = judge(firm, slip.mail, max(shares)) if slip else None
    if slip and said:
        one = said[slip.wrong]
        alarms = _alarms(firm, mail, one, shares)
        found.slips.append(alarms)
        found.suggested += one.meant == slip.meant
        if not inside(slip.wrong):
            found.outside.append(alarms)


def _alarms(firm: Firm, mail: Outgoing, one: Doubt, shares: Sequence[float]) -> Alarms:
    return tuple(alarm(firm.ledger(mail.sender), one, shipped(), share) for share in shares)


def judge(firm: Firm, mail: Outgoing, share: float) -> Mapping[str, Doubt] | None:
    """What would have been said of it, knowing what the firm has learnt."""
    return doubts(firm.ledger(mail.sender), firm.background(mail.recipients), mail, shipped(), share)


def show(found: Looked, shares: Sequence[float]) -> None:
    judged = [alarms for each in found.ordinary.values() for alarms in each]
    if not judged:
        say(f"{found.mails:,} mails, and not enough of any sender: nothing can be said (history.learn)")
        return
    asked = [sum(alarms[at] for alarms in judged) for at in range(len(shares))]
    rows = [
        [
            f"1 in {round(1 / share)} mails", f"{asked[at]:,}",
            f"1 in {round(len(judged) / asked[at]):,}" if asked[at] else "none",
            f"{fmean(alarms[at] for alarms in found.slips):.0%}" if found.slips else "-",
            f"{fmean(alarms[at] for alarms in found.outside):.0%}" if found.outside else "-",
        ]
        for at, share in enumerate(shares)
    ]  # fmt: skip
    table(["budget", "alarms", "of ordinary mails", "slips caught", "of those to outsiders"], rows)
    senders = len(found.ordinary)
    say(f"{len(judged):,} of {found.mails:,} mails judged, of {senders:,} senders; {len(found.slips):,} slips made")
    for mail, doubt in found.examples:
        say(plain(f"{mail.sender}: {doubt.why}"))
