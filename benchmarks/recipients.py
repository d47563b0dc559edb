"""The unexpected recipient on real sent mail: python -m benchmarks.recipients --corpus FILE --bodies FILE --plots DIR

What runs is what runs in the mail path: history.Ledger, Signs, the shipped model, the budget. Mail is scored in the
order it was sent, each before it is learnt; only mail sent from the senders' own domains is seen, as by an outbound
relay. The first 60 % of each sender's mail only teaches; thresholds are chosen on the next 20 % (DEV, seed 1) and
figures taken on the last 20 % (TEST, seeds 1 to 3). One slip is made in a copy of every mail: see `history.slips`.
"""

import argparse
import math
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.mailcorpus import MOST, Sent, load, senders
from benchmarks.measured import BUDGETS, Injected, Scored, accuracy, auc, kept, recall, threshold
from benchmarks.plots import plot
from mailguard.history.doubt import doubts
from mailguard.history.firm import Firm
from mailguard.history.signs import Outgoing
from mailguard.history.slips import Slip, World, person, starts
from mailguard.history.trees import shipped
from mailguard.records import Doubt

LEAST = 100  # mails of a sender
SEEDS = ("1", "2", "3")
UNTRAINED = "window"
EXAMPLES = 20
screen = Console(width=130)


@dataclass
class Run:
    """Everything that was scored."""

    dev: Scored = field(default_factory=Scored)
    test: dict[str, Scored] = field(default_factory=lambda: defaultdict(Scored))
    rarities: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    chances: list[tuple[float, bool]] = field(default_factory=list)
    examples: list[tuple[Slip, Doubt]] = field(default_factory=list)
    seconds: float = 0.0
    mails: int = 0


def main() -> None:
    given = _arguments()
    mails = load(given.corpus, given.bodies)
    if given.track == "sdm":
        _sdm(mails)
        return
    run = walk(mails)
    report(run)
    if given.plots:
        draw(run, given.plots)
    for leak, doubt in run.examples:
        screen.print(f"{leak.kind}: {leak.wrong} for {leak.meant}: {doubt.why}", markup=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--bodies", type=Path)
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--track", choices=("stream", "sdm"), default="stream")
    return parser.parse_args()


def walk(mails: Sequence[Sent]) -> Run:
    who, run = senders(mails, LEAST), Run()
    part: dict[int, str] = {}
    for places in who.values():
        dev, test = int(0.6 * len(places)), int(0.8 * len(places))
        part |= dict.fromkeys(places[dev:test], "dev") | dict.fromkeys(places[test:], "test")
    domains = {sender.rpartition("@")[2] for sender in who}
    firm, world = Firm(who.__contains__), World()  # of nobody else it is asked what they got
    for place, mail in enumerate(track(mails, "mails", console=Console(stderr=True))):
        scores: dict[str, float] = {}
        if place in part and len(mail.recipients) <= MOST:
            scores = _scored(firm, world, run, mail, part[place])
        if mail.domain in domains and mail.recipients:
            firm.learn(mail.outgoing().remembered(scores))
        world.observe(mail.outgoing())
        mail.forget()
    return run


def _scored(firm: Firm, world: World, run: Run, mail: Sent, part: str) -> dict[str, float]:
    found = _doubts(firm, run, mail.outgoing())
    worst = max(found.values(), key=lambda one: one.score)
    wanted = [("1", "")] if part == "dev" else [*((seed, "") for seed in SEEDS), ("1", UNTRAINED)]
    for seed, kind in wanted:
        scored = run.dev if part == "dev" else run.test[kind or seed]
        scored.clean.append((worst.score, mail.sender, worst.rarity))
        leak = world.slip(mail.outgoing(), mail.id, seed, kind)
        if leak is not None:
            _injected(firm, run, mail, leak, scored, part, kind or seed)
    if part == "test":
        run.chances += [(one.chance, False) for one in found.values()]
    return {key: one.score for key, one in found.items()}


def _injected(firm: Firm, run: Run, mail: Sent, leak: Slip, scored: Scored, part: str, name: str) -> None:
    found = _doubts(firm, run, leak.mail)
    slip = found[leak.wrong]
    others = tuple(one.score for key, one in found.items() if key != leak.wrong)
    outside = leak.wrong.rpartition("@")[2] != mail.domain
    scored.injected.append(Injected(slip.score, others, leak.kind, mail.sender, outside, slip.meant == leak.meant))
    if part == "test":
        run.rarities[name].append(slip.rarity)
        if name == SEEDS[0]:
            run.chances.append((slip.chance, True))
            if slip.why and len(run.rarities[name]) % 97 == 0 and len(run.examples) < EXAMPLES:
                run.examples.append((leak, slip))


def _doubts(firm: Firm, run: Run, outgoing: Outgoing) -> dict[str, Doubt]:
    began = time.perf_counter()
    found = doubts(firm.ledger(outgoing.sender), firm.background(outgoing.recipients), outgoing, shipped(), BUDGETS[0])
    run.seconds += time.perf_counter() - began
    run.mails += 1
    return dict(found) if found else {key: Doubt(0.0, 0.5, 1.0) for key in outgoing.recipients}


def report(run: Run) -> None:
    limits = [threshold((score for score, _, _ in run.dev.clean), share) for share in BUDGETS]
    table = Table(title="thresholds from DEV, figures from TEST")
    for heading in ("slips", "mails", "accuracy@1", "AUC", *(f"recall at {share:.0%}" for share in BUDGETS),
                    *(f"alarms at {share:.0%}" for share in BUDGETS), "suggested"):  # fmt: skip
        table.add_column(heading, justify="right")
    for name, scored in run.test.items():
        clean = [score for score, _, _ in scored.clean]
        table.add_row(
            f"seed {name}" if name in SEEDS else f"{name} (never trained on)", f"{len(scored.injected):,}",
            f"{accuracy(scored.injected):.3f}", f"{auc([one.score for one in scored.injected], clean):.3f}",
            *(f"{recall(scored.injected, limit):.3f}" for limit in limits),
            *(f"{fmean(score >= limit for score in clean):.2%}" for limit in limits),
            f"{fmean(one.suggested for one in scored.injected if one.score >= limits[0]):.2f}",
        )  # fmt: skip
    screen.print(table)
    kinds = Table(title="recall by kind of slip, TEST, seed 1")
    for heading in ("kind", *(f"at {share:.0%}" for share in BUDGETS)):
        kinds.add_column(heading, justify="right")
    first = run.test[SEEDS[0]].injected
    for kind in ("auto", "org", "rand"):
        mine = [one for one in first if one.kind == kind]
        kinds.add_row(kind, *(f"{recall(mine, limit):.3f}" for limit in limits))
    kinds.add_row("to outsiders", *(f"{recall([one for one in first if one.outside], limit):.3f}" for limit in limits))
    screen.print(kinds)
    _budgets(run)
    screen.print(f"{1000 * run.seconds / run.mails:.2f} ms a mail, {run.mails:,} mails")


def _budgets(run: Run) -> None:
    table = Table(title="budget for each sender, calibrated from its own stream and everybody's; TEST, seed 1")
    for heading in ("budget", "alarms", "factor", "senders above twice", "slips caught"):
        table.add_column(heading, justify="right")
    for budget in (0.005, *BUDGETS):
        one = kept(run.test[SEEDS[0]], run.rarities[SEEDS[0]], budget)
        table.add_row(
            f"{budget:.1%}", f"{one.alarms:.2%}", f"{one.alarms / budget:.2f}", f"{one.twice:.0%}", f"{one.caught:.3f}"
        )
    screen.print(table)


def draw(run: Run, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    first = run.test[SEEDS[0]]
    clean = sorted((score for score, _, _ in first.clean), reverse=True)
    shares = [0.001 * 1.25**step for step in range(22)]
    lines = {
        name: [(share, recall(of.injected, threshold(clean, share))) for share in shares]
        for name, of in (("slips as trained on", first), ("a mixed-up window, never trained on", run.test[UNTRAINED]))
        if of.injected
    }
    plot(
        folder / "unexpected-recall.svg", "Slips caught against alarms on ordinary mail", "mails with an alarm",
        "slips caught", lines, ticks=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1), scale=math.log,
    )  # fmt: skip
    bins = defaultdict[int, list[tuple[float, bool]]](list)
    for chance, slip in run.chances:
        bins[min(int(chance * 10), 9)].append((chance, slip))
    points = [(fmean(c for c, _ in each), fmean(s for _, s in each)) for _, each in sorted(bins.items())]
    plot(
        folder / "unexpected-calibration.svg", "What the model says, and how often it was a slip", "what it says",
        "share of slips", {"model": points, "exact": [(0, 0), (1, 1)]}, ticks=(0, 0.2, 0.4, 0.6, 0.8, 1),
    )  # fmt: skip


def _sdm(mails: Sequence[Sent]) -> None:
    """Our re-implementation of the protocol of Carvalho & Cohen, SDM 2007.

    The last tenth of each sender's mail is the test, and nothing is learnt in it; to a mail among known contacts one is
    added whose name begins alike.
    """
    run, rows = Run(), []
    who = senders(mails, LEAST)
    domains = {sender.rpartition("@")[2] for sender in who}
    related = defaultdict[str, list[int]](list)
    for place, mail in enumerate(mails):
        for one in {mail.sender, *mail.recipients} & who.keys():
            related[one].append(place)
    for sender, places in track(who.items(), "senders", console=Console(stderr=True)):
        cut, firm, book = (
            places[int(0.9 * len(places))],
            Firm(lambda key: key.rpartition("@")[2] in domains),
            dict[str, None](),
        )
        for place in related[sender]:
            if place < cut:
                firm.learn(mails[place].outgoing().remembered())
                if mails[place].sender == sender:
                    book |= dict.fromkeys(mails[place].recipients)
        people, right, tested = [key for key in book if person(key)], list[float](), 0
        for place in places:
            mail = mails[place]
            if place < cut or len(mail.recipients) > MOST or any(key not in book for key in mail.recipients):
                continue
            tested += 1
            for trial in range(10):
                rng = random.Random(f"1|{mail.id}|t{trial}")
                meant = rng.choice(mail.recipients)
                taken = {*mail.recipients, sender}
                near = [key for key in people if key not in taken and starts(key, 3) & starts(meant, 3)]
                if found := near or [key for key in people if key not in taken]:
                    leak = World.added(mail.outgoing(), meant, rng.choice(found), rng)
                    scores = _doubts(firm, run, leak.mail)
                    others = tuple(one.score for key, one in scores.items() if key != leak.wrong)
                    right.append(Injected(scores[leak.wrong].score, others, "3g", sender, False, False).first)
        if tested >= 10:
            rows.append(fmean(right))
    screen.print(f"our re-implementation of the SDM 2007 protocol: accuracy@1 {fmean(rows):.3f}, {len(rows)} senders")


if __name__ == "__main__":
    main()
