"""What `benchmarks.recipients` found, as the tables and plots of docs/unexpected-recipients.md."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Protocol

from benchmarks.mailcorpus import UNTRAINED
from benchmarks.measured import BUDGETS, PRICES, Scored, accuracy, auc, kept, recall, threshold
from benchmarks.plots import plot

DEV = "dev"


class Cost(Protocol):
    seconds: float
    mails: int


class Run(Protocol):
    """As `benchmarks.recipients.Run`."""

    dev: Scored
    test: dict[str, Scored]
    chances: list[tuple[float, bool]]

    @property
    def cost(self) -> Cost: ...
    @property
    def ten(self) -> Cost: ...


def report(run: Run, seeds: Sequence[str]) -> None:
    limits = [threshold((score for score, _, _ in run.dev.clean), share) for share in BUDGETS]
    clean = [score for score, _, _ in run.test[seeds[0]].clean]
    named: Mapping[str, str] = {
        DEV: "DEV",
        **{seed: f"TEST, seed {seed}" for seed in seeds},
        UNTRAINED: "TEST, never trained on",
    }
    ordinary = [score for score, _, _ in run.dev.clean]
    table(
        ["slips", "made in", "accuracy@1", "AUC", *(f"caught at {share:.0%}" for share in BUDGETS), "named"],
        (
            [
                named[name], f"{len(of.injected):,}", f"{accuracy(of.injected):.3f}",
                f"{auc([one.score for one in of.injected], ordinary if name == DEV else clean):.3f}",
                *(f"{recall(of.injected, limit):.3f}" for limit in limits), f"{_named(of, limits[0]):.0%}",
            ]
            for name, of in ((DEV, run.dev), *run.test.items())
        ),
    )  # fmt: skip
    alarms = (
        f"{fmean(score >= limit for score in clean):.1%} for {share:.0%}"
        for limit, share in zip(limits, BUDGETS, strict=True)
    )
    print(f"{len(clean):,} ordinary mails; alarms there really were: {', '.join(alarms)}\n")
    first = run.test[seeds[0]].injected
    groups = {kind: [one for one in first if one.kind == kind] for kind in ("auto", "org", "rand")}
    groups |= {"to outsiders": [one for one in first if one.outside]}
    table(
        ["kind of slip", "accuracy@1", *(f"caught at {share:.0%}" for share in BUDGETS)],
        (
            [kind, f"{accuracy(mine):.3f}", *(f"{recall(mine, limit):.3f}" for limit in limits)]
            for kind, mine in groups.items()
        ),
    )
    _budgets("TEST", run.test[seeds[0]])
    _budgets("DEV", run.dev)
    for name, cost in (("a mail", run.cost), ("a mail with 9 to 11 recipients", run.ten)):
        print(f"{1000 * cost.seconds / cost.mails:.2f} ms of this process {name}, {cost.mails:,} mails")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """As Markdown."""
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def _named(of: Scored, limit: float) -> float:
    """Of the slips that were caught and stood in somebody's place: where that one was named."""
    return fmean(one.suggested for one in of.injected if one.suggested is not None and one.score >= limit)


def _budgets(title: str, scored: Scored) -> None:
    found = [kept(scored, price) for price in range(len(PRICES))]
    table(
        [f"budget, {title}", "alarms", "factor", "senders above twice", "by dice", "slips caught"],
        (
            [
                f"{of.budget:.1%}",
                f"{of.alarms:.2%}",
                f"{of.alarms / of.budget:.2f}",
                f"{of.twice:.0%}",
                f"{of.dice:.0%}",
                f"{of.caught:.3f}",
            ]
            for of in found
        ),
    )


def draw(run: Run, folder: Path, seed: str) -> None:
    folder.mkdir(exist_ok=True)
    first = run.test[seed]
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
