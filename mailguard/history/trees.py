"""Small decision trees, added up: the model as plain data, and how it is read."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import exp
from typing import Any, NamedTuple


class Tree(NamedTuple):
    """`low` and `high` name the next node for a sign at most or above `limit`; below 0 they name a leaf, ~n."""

    sign: tuple[int, ...]
    limit: tuple[float, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    leaf: tuple[float, ...]


class Model:
    """What was learnt from simulated slips in real mail; `usual` is the prior of `budget`."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.names: tuple[str, ...] = tuple(data["names"])
        self.trees = tuple(Tree(*(tuple(part) for part in tree)) for tree in data["trees"])
        self.usual: tuple[tuple[float, float], ...] = tuple((share, score) for share, score in data["usual"])

    def score(self, signs: Sequence[float]) -> float:
        """Log-odds that this recipient is a slip, of mails of which every second has one."""
        total = 0.0
        for sign, limit, low, high, leaf in self.trees:
            node = 0
            while node >= 0:
                node = low[node] if signs[sign[node]] <= limit[node] else high[node]
            total += leaf[~node]
        return total


def chance(score: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, score))))


def read(text: str) -> Model:
    return Model(json.loads(text))


@cache
def shipped() -> Model:
    """The model that comes with mailguard."""
    return read(files("mailguard.history").joinpath("model.json").read_text("utf-8"))
