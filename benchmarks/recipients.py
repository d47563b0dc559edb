"""The unexpected recipient on real sent mail: python -m benchmarks.recipients --corpus FILE --bodies FILE --plots DIR

What runs is what runs in the mail path: history.Ledger, Signs, the shipped model, the budget. Mail is scored in the
order it was sent, each before it is learnt, from the first mail on, as `mailguard history import` does; only mail sent
from the senders' own domains is seen, as by an outbound relay. The first 60 % of each sender's mail only teaches;
thresholds are chosen on the next 20 % (DEV, seed 1) and figures taken on the last 20 % (TEST, seeds 1 to 3). One slip
is made in a copy of every mail: see `history.slips`. `--unseen FOLDER`: each sender by weights learnt from others.
"""

import argparse
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.mailcorpus import FOLDS, LEAST, MOST, UNTRAINED, Sent, fold, load, senders, unseen_model
from benchmarks.measured import BUDGETS, PRICES, Alarms, Injected, Scored
from benchmarks.recipients_report import draw, report
from benchmarks.sdm2007 import sdm
from mailguard.history.doubt import alarm, doubts
from mailguard.history.firm import Firm
from mailguard.history.signs import Outgoing
from mailguard.history.slips import Slip, World
from mailguard.history.trees import Model, read, shipped
from mailguard.records import Doubt

SEEDS = ("1", "2", "3")
EXAMPLES, EACH = 20, 97
TEN = range(9, 12)  # recipients of the mails whose cost is told by itself
Models = Callable[[str], Model]


@dataclass
class Cost:
    """Time of this process, not of the clock: others use the machine too."""

    seconds: float = 0.0
    mails: int = 0

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        self.mails += 1


@dataclass
class Run:
    """Everything that was scored."""

    dev: Scored = field(default_factory=Scored)
    test: dict[str, Scored] = field(default_factory=lambda: defaultdict(Scored))
    chances: list[tuple[float, bool]] = field(default_factory=list)
    examples: list[tuple[Slip, Doubt]] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)
    ten: Cost = field(default_factory=Cost)


def main() -> None:
    given = _arguments()
    mails, models = load(given.corpus, given.bodies), _models(given.unseen)
    gc.freeze()  # as the service does: a collector that walks all of the corpus would be half of what a mail costs
    if given.track == "sdm":
        print(sdm(mails, models))
        return
    run = walk(mails, models)
    report(run, SEEDS)
    if given.plots:
        draw(run, given.plots, SEEDS[0])
    for leak, doubt in run.examples:
        print(f"- {leak.kind}, {leak.wrong} for {leak.meant}: {doubt.why}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--bodies", type=Path)
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--unseen", type=Path)
    parser.add_argument("--track", choices=("stream", "sdm"), default="stream")
    return parser.parse_args()


def _models(unseen: Path | None) -> Models:
    if unseen is None:
        return lambda _sender: shipped()
    each = [read(unseen_model(unseen, part).read_text("utf-8")) for part in range(FOLDS)]
    return lambda sender: each[fold(sender)]


def walk(mails: Sequence[Sent], models: Models) -> Run:
    who, run = senders(mails, LEAST), Run()
    part: dict[int, str] = {}
    for places in who.values():
        dev, test = int(0.6 * len(places)), int(0.8 * len(places))
        part |= dict.fromkeys(places[:dev], "warm") | dict.fromkeys(places[dev:test], "dev")
        part |= dict.fromkeys(places[test:], "test")
    domains = {sender.rpartition("@")[2] for sender in who}
    firm, world = Firm(who.__contains__), World()  # of nobody else it is asked what they got
    for place, mail in enumerate(track(mails, "mails", console=Console(stderr=True))):
        scores: dict[str, float] = {}
        if place in part and len(mail.recipients) <= MOST:
            scores = _scored(firm, world, run, mail, part[place], models(mail.sender))
        if mail.domain in domains and mail.recipients:
            firm.learn(mail.outgoing().remembered(scores))
        world.observe(mail.outgoing())
        mail.forget()
    return run


def _scored(firm: Firm, world: World, run: Run, mail: Sent, part: str, model: Model) -> dict[str, float]:
    found = _doubts(firm, run, mail.outgoing(), model)
    if part == "warm":
        return {key: one.score for key, one in found.items()}
    found = found or {key: Doubt(0.0, 0.5, 1.0) for key in mail.recipients}
    worst = max(found.values(), key=lambda one: one.score)
    wanted = [("1", "")] if part == "dev" else [*((seed, "") for seed in SEEDS), ("1", UNTRAINED)]
    for seed, kind in wanted:
        scored = run.dev if part == "dev" else run.test[kind or seed]
        scored.clean.append((worst.score, mail.sender, _alarms(firm, mail, worst, model)))
        leak = world.slip(mail.outgoing(), mail.id, seed, kind)
        if leak is not None and (found_too := _doubts(firm, run, leak.mail, model)):
            scored.injected.append(_injected(mail, leak, found_too))
            slip = found_too[leak.wrong]
            scored.caught.append(_alarms(firm, mail, slip, model))
            if part == "test" and not kind and seed == SEEDS[0]:
                _shown(run, leak, slip, len(scored.injected))
    if part == "test":
        run.chances += [(one.chance, False) for one in found.values()]
    return {key: one.score for key, one in found.items()}


def _injected(mail: Sent, leak: Slip, found: dict[str, Doubt]) -> Injected:
    others = tuple(one.score for key, one in found.items() if key != leak.wrong)
    outside = leak.wrong.rpartition("@")[2] != mail.domain
    suggested = found[leak.wrong].meant == leak.meant if leak.replaced else None
    return Injected(found[leak.wrong].score, others, leak.kind, mail.sender, outside, suggested)


def _alarms(firm: Firm, mail: Sent, one: Doubt, model: Model) -> Alarms:
    return tuple(alarm(firm.ledger(mail.sender), one, model, price) for price in PRICES)


def _shown(run: Run, leak: Slip, slip: Doubt, place: int) -> None:
    run.chances.append((slip.chance, True))
    if slip.why and place % EACH == 0 and len(run.examples) < EXAMPLES:
        run.examples.append((leak, slip))


def _doubts(firm: Firm, run: Run, outgoing: Outgoing, model: Model) -> dict[str, Doubt]:
    ledger, background = firm.ledger(outgoing.sender), firm.background(outgoing.recipients)
    began = time.process_time()
    found = doubts(ledger, background, outgoing, model, BUDGETS[0])
    passed = time.process_time() - began
    run.cost.add(passed)
    if len(outgoing.recipients) in TEN:
        run.ten.add(passed)
    return dict(found or {})


if __name__ == "__main__":
    main()
