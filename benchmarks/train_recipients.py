"""Train the model behind `unexpected`, in two steps:

  python -m benchmarks.train_recipients signs --corpus FILE --bodies FILE --out FOLDER
  python -m benchmarks.train_recipients fit --out FOLDER --model mailguard/history/model.json     (needs lightgbm 4.7)
  python -m benchmarks.train_recipients fit --out FOLDER --unseen FOLDER   weights for senders they did not see
  python -m benchmarks.train_recipients ablate --out FOLDER                what each family of signs brings

`signs` walks through the mail as it was sent and writes down the signs of every recipient, as it was and with slips
made on purpose, of the first 60 % of each sender's mail (to learn from) and of the next 20 % (to choose by, and for
the prior of the budget). The last 20 % of nobody's mail is looked at. `ablate` is what to choose signs and parameters
by: the senders are in FOLDS parts, and each is judged by what the others taught.
"""

import argparse
import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.mailcorpus import FOLDS, LEAST, MOST, UNTRAINED, Sent, fold, load, senders, unseen_model
from benchmarks.measured import Injected, accuracy, auc, recall, threshold
from mailguard.history.firm import Firm
from mailguard.history.signs import FAMILIES, NAMES, Outgoing, Signs
from mailguard.history.slips import World

TRAINED = 20  # mails of a sender who is learnt from
TURNS = 2  # slips made in one mail, and one more:
USED, USED_WEIGHS = "used", 0.3  # somebody the sender writes to much: that one was written to lately excuses little
PARAMETERS: dict[str, Any] = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 24, "min_data_in_leaf": 60, "feature_fraction": 0.4,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "num_threads": 1, "seed": 1,
    "max_bin": 127,
}  # fmt: skip
ROUNDS = 150
BESIDE = 0.5  # weight of the right recipients of a mail with a slip
SHARES = (0.5, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.015, 0.01, 0.007, 0.005, 0.003, 0.002, 0.001)


def main() -> None:
    given = _arguments()
    if given.step == "signs":
        signs(load(given.corpus, given.bodies), given.out)
    elif given.step == "fit" and given.unseen:
        given.unseen.mkdir(exist_ok=True)
        for part in range(FOLDS):
            fit(given.out, unseen_model(given.unseen, part), without=part)
    elif given.step == "fit":
        fit(given.out, given.model)
    else:
        ablate(given.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("signs", "fit", "ablate"))
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--bodies", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--unseen", type=Path)
    return parser.parse_args()


def signs(mails: Sequence[Sent], out: Path) -> None:
    out.mkdir(exist_ok=True)
    tested = senders(mails, LEAST)
    parts: dict[int, str] = {}
    learnt = senders(mails, TRAINED)
    for sender, places in learnt.items():
        begin, dev, test = (int(share * len(places)) for share in (0.12, 0.6, 0.8))
        parts |= dict.fromkeys(places[begin:dev], "train")
        if sender in tested:
            parts |= dict.fromkeys(places[dev:test], "dev")
    domains = {sender.rpartition("@")[2] for sender in tested}
    firm, world = Firm(learnt.__contains__), World()
    with (out / "signs.bin").open("wb") as numbers, (out / "rows.jsonl").open("w") as rows:
        for place, mail in enumerate(track(mails, "mails")):
            part = parts.get(place)
            if mail.domain in domains:
                if part and len(mail.recipients) <= MOST:
                    for one, about in _versions(mail, part, world):
                        found = Signs(firm.ledger(mail.sender), firm.background(one.recipients), one)
                        array("f", [number for row in found.rows() for number in row]).tofile(numbers)
                        rows.write(
                            json.dumps(
                                {**about, "mail": mail.id, "sender": mail.sender, "part": part, "to": one.recipients}
                            )
                            + "\n"
                        )
                if mail.recipients:
                    firm.learn(mail.outgoing().remembered())
            world.observe(mail.outgoing())
            mail.forget()


def _versions(mail: Sent, part: str, world: World) -> Iterator[tuple[Outgoing, dict[str, Any]]]:
    yield mail.outgoing(), {"kind": "", "leaked": ""}
    wanted = [("1", "", 0), ("1", UNTRAINED, 0)]
    if part == "train":
        wanted = [*(("train", "", turn) for turn in range(TURNS)), ("train", USED, TURNS)]
    for seed, kind, turn in wanted:
        leak = world.slip(mail.outgoing(), mail.id, seed, kind, turn)
        if leak is not None:
            yield leak.mail, {"kind": leak.kind, "leaked": leak.wrong}


class Table:
    """What `signs` wrote: a row of numbers for each recipient of each version of a mail."""

    def __init__(self, folder: Path) -> None:
        import numpy

        self.signs = numpy.fromfile(folder / "signs.bin", dtype=numpy.float32).reshape(-1, len(NAMES))
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in (folder / "rows.jsonl").open()]
        recipients = [(row, key) for row in self.rows for key in row["to"]]
        self.slip = numpy.array([key == row["leaked"] for row, key in recipients])
        self.train = numpy.array([row["part"] == "train" for row, _ in recipients])
        self.fold = numpy.array([fold(row["sender"]) for row, _ in recipients])
        beside = numpy.array([key != row["leaked"] and row["kind"] != "" for row, key in recipients])
        used = numpy.array([row["kind"] == USED for row, _ in recipients])
        self.weight = numpy.where(beside, BESIDE, 1.0) * numpy.where(used, USED_WEIGHS, 1.0)

    def trained(self, which: Any, names: Sequence[str] = NAMES) -> Any:
        """From the rows of this mask."""
        import lightgbm

        signs = self.signs[:, [NAMES.index(name) for name in names]][which]
        data = lightgbm.Dataset(signs, self.slip[which].astype(int), weight=self.weight[which], feature_name=[*names])
        return lightgbm.train(PARAMETERS, data, ROUNDS)

    def judged(self, scores: Any) -> Iterator[tuple[dict[str, Any], list[float]]]:
        at = 0
        for row in self.rows:
            yield row, [float(score) for score in scores[at : at + len(row["to"])]]
            at += len(row["to"])


def fit(folder: Path, model: Path, without: int | None = None) -> None:
    """`without`: the senders of this fold teach neither the weights nor what is usual."""
    table = Table(folder)
    trained = table.trained(table.train & (table.fold != without))
    judged = table.judged(trained.predict(table.signs, raw_score=True, num_threads=1))
    ordinary = [
        max(scores)
        for row, scores in judged
        if row["part"] == "dev" and not row["kind"] and fold(row["sender"]) != without
    ]
    ordinary.sort(reverse=True)
    tail = [[share, round(ordinary[int(share * len(ordinary))], 4)] for share in SHARES]
    trees = [_tree(one["tree_structure"]) for one in trained.dump_model()["tree_info"]]
    model.write_text(json.dumps({"names": NAMES, "usual": tail, "trees": trees}, separators=(",", ":")) + "\n")


def ablate(folder: Path) -> None:
    """Of DEV, each sender judged by what the others taught; threshold of each line from its own ordinary mail."""
    table = Table(folder)
    lines = {"everything": NAMES}
    for family, signs in FAMILIES.items():
        lines[f"without {family}"] = tuple(name for name in NAMES if name not in signs)
    print("| signs | accuracy@1 | AUC | caught at 1 % | at 5 % | never trained on: accuracy@1 | at 5 % |")
    print("|---|---|---|---|---|---|---|")
    for title, names in lines.items():
        print(f"| {title} | {' | '.join(f'{figure:.3f}' for figure in _figures(table, names))} |", flush=True)


def _figures(table: Table, names: Sequence[str]) -> Iterator[float]:
    import numpy

    columns, scores = [NAMES.index(name) for name in names], numpy.zeros(len(table.slip))
    for part in range(FOLDS):
        mine = ~table.train & (table.fold == part)
        trained = table.trained(table.train & (table.fold != part), names)
        scores[mine] = trained.predict(table.signs[mine][:, columns], raw_score=True, num_threads=1)
    clean = list[float]()
    slips: dict[bool, list[Injected]] = {True: [], False: []}
    for row, each in table.judged(scores):
        if row["part"] != "dev":
            continue
        if not row["kind"]:
            clean.append(max(each))
            continue
        at = row["to"].index(row["leaked"])
        others = tuple(each[:at] + each[at + 1 :])
        one = Injected(each[at], others, row["kind"], row["sender"], outside=False)
        slips[row["kind"] == UNTRAINED].append(one)
    trained_on, never = slips[False], slips[True]
    yield from (accuracy(trained_on), auc([one.score for one in trained_on], clean))
    yield from (recall(trained_on, threshold(clean, share)) for share in (0.01, 0.05))
    yield from (accuracy(never), recall(never, threshold(clean, 0.05)))


def _tree(root: dict[str, Any]) -> list[list[float]]:
    nodes: list[dict[str, Any]] = []
    leaves: list[float] = []

    def walk(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(round(node["leaf_value"], 5))
            return ~(len(leaves) - 1)
        at = len(nodes)
        nodes.append({"sign": node["split_feature"], "limit": float(f"{node['threshold']:.7g}")})
        nodes[at]["low"], nodes[at]["high"] = walk(node["left_child"]), walk(node["right_child"])
        return at

    walk(root)
    return [*([node[name] for node in nodes] for name in ("sign", "limit", "low", "high")), leaves]


if __name__ == "__main__":
    main()
