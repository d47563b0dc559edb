"""Small decision trees, added up: the model as plain data, and how it is read."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import exp
from typing import Any

Tree = tuple[list[int], list[float], list[int], list[int], list[float]]  # sign, limit, low, high, leaf


class Model:
    """What was learnt from simulated slips in real mail; `usual` is the prior of `budget`.

    `score`: of the signs of a recipient, log-odds that it is a slip, of mails of which every second has one.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.names: tuple[str, ...] = tuple(data["names"])
        self.usual: tuple[tuple[float, float], ...] = tuple((share, score) for share, score in data["usual"])
        self.score = _compiled(len(self.names), data["trees"])


def _compiled(signs: int, trees: Sequence[Tree]) -> Callable[[Sequence[float]], float]:
    """The trees as one function: a third of the time that it takes to walk through them, ten times a mail.

    Of the data only numbers get into its text.
    """
    sums = "".join(f"    total += {_choice(tree, 0)}\n" for tree in trees)
    names = "".join(f"s{sign}, " for sign in range(signs))
    made: dict[str, Any] = {}
    exec(f"def score(signs):\n    {names}= signs\n    total = 0.0\n{sums}    return total\n", made)  # noqa: S102 - see above
    score: Callable[[Sequence[float]], float] = made["score"]
    return score


def _choice(tree: Tree, node: int) -> str:
    """`low` and `high` name the next node for a sign at most or above `limit`; below 0 they name a leaf, ~n."""
    sign, limit, low, high, leaf = tree
    if node < 0:
        return repr(float(leaf[~node]))
    below, above = _choice(tree, low[node]), _choice(tree, high[node])
    return f"({below} if s{int(sign[node])} <= {float(limit[node])!r} else {above})"


def chance(score: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, score))))


def read(text: str) -> Model:
    return Model(json.loads(text))


@cache
def shipped() -> Model:
    """The model that comes with mailguard."""
    return read(files("mailguard.history").joinpath("model.json").read_text("utf-8"))
