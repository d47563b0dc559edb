"""Train the model behind `unexpected`, in two steps:

  python -m benchmarks.train_recipients signs --corpus FILE --bodies FILE --out FOLDER
  python -m benchmarks.train_recipients fit --out FOLDER --model mailguard/history/model.json     (needs lightgbm 4.7)

`signs` walks through the mail as it was sent and writes down the signs of every recipient, as it was and with slips
made on purpose, of the first 60 % of each sender's mail (to learn from) and of the next 20 % (to choose by, and for
the prior of the budget). The last 20 % of nobody's mail is looked at.
"""

import argparse
import json
import random
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.mailcorpus import MOST, Sent, load, senders
from mailguard.history.firm import Firm
from mailguard.history.signs import NAMES, Outgoing, Signs
from mailguard.history.slips import World

LEAST, TRAINED = 100, 20  # mails of a sender who is tested, and of one who is learnt from
TURNS = 2  # slips made in one mail
PARAMETERS: dict[str, Any] = {
    "objective": "binary", "learning_rate": 0.06, "num_leaves": 24, "min_data_in_leaf": 60, "feature_fraction": 0.4,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "num_threads": 1, "seed": 1,
}  # fmt: skip
ROUNDS = 240
BESIDE = 0.5  # weight of the right recipients of a mail with a slip
SHARES = (0.5, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.015, 0.01, 0.007, 0.005, 0.003, 0.002, 0.001)


def main() -> None:
    given = _arguments()
    if given.step == "signs":
        signs(load(given.corpus, given.bodies), given.out)
    else:
        fit(given.out, given.model)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("signs", "fit"))
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--bodies", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path)
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
    seeds = ["1"] if part == "dev" else ["train"]
    for turn in range(TURNS if part == "train" else 1):
        leak = world.slip(mail.outgoing(), mail.id, seeds[0], turn=turn)
        if leak is not None:
            yield leak.mail, {"kind": leak.kind, "leaked": leak.wrong}


def fit(folder: Path, model: Path) -> None:
    import lightgbm
    import numpy

    table = numpy.fromfile(folder / "signs.bin", dtype=numpy.float32).reshape(-1, len(NAMES))
    rows = [json.loads(line) for line in (folder / "rows.jsonl").open()]
    slip = numpy.array([key == row["leaked"] for row in rows for key in row["to"]])
    clean = numpy.array([not row["kind"] for row in rows for _ in row["to"]])
    train = numpy.array([row["part"] == "train" for row in rows for _ in row["to"]])
    weight = numpy.where(slip | clean, 1.0, BESIDE)
    data = lightgbm.Dataset(table[train], slip[train].astype(int), weight=weight[train], feature_name=list(NAMES))
    trained = lightgbm.train(PARAMETERS, data, ROUNDS)
    scores = trained.predict(table, raw_score=True, num_threads=1)
    usual, at = [], 0
    for row in rows:
        if row["part"] == "dev" and not row["kind"]:
            usual.append(float(scores[at : at + len(row["to"])].max()))
        at += len(row["to"])
    usual.sort(reverse=True)
    tail = [[share, round(usual[int(share * len(usual))], 4)] for share in SHARES]
    trees = [_tree(one["tree_structure"]) for one in trained.dump_model()["tree_info"]]
    model.write_text(json.dumps({"names": NAMES, "usual": tail, "trees": trees}, separators=(",", ":")) + "\n")
    random.seed(1)
    for line in sorted(zip(trained.feature_importance("gain").astype(int), NAMES, strict=True), reverse=True):
        print(*line)


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
