"""The short form of the fault suite: a few runs of each fault, always with the same seed, several at a time.

Faults with `short=0` take too long or too much memory here; `make torture` runs them.
"""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.conftest import need
from tests.torture import faults
from tests.torture.fault import FAULTS, Fault
from tests.torture.report import Result
from tests.torture.workers import AT_A_TIME, one_run, workers

SEED = 20261126
LONG = ("operations", "policy", "place", "flood", "power", "broken", "waits")  # seconds a run

faults.load()
SHORT = [one for one in FAULTS if one.short]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, list["Future[Result]"]]]:
    """All runs of the faults that were chosen, at once; the long ones first, or they would be waited for alone."""
    chosen = [item.callspec.params["one"] for item in request.session.items if hasattr(item, "callspec")
              and isinstance(item.callspec.params.get("one"), Fault)]  # fmt: skip
    chosen.sort(key=lambda one: one.group not in LONG)
    with workers(AT_A_TIME) as pool:
        yield {one.id: [pool.submit(one_run, one.id, n, SEED) for n in range(one.short)] for one in chosen}


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first waits for all that began before it
@pytest.mark.parametrize("one", [pytest.param(one, id=one.id) for one in SHORT])
def test_short(one: Fault, runs: dict[str, list["Future[Result]"]]) -> None:
    for program in one.needs:
        need(program)
    results = [_alone(run.result()) for run in runs[one.id]]
    assert [result.error for result in results if result.error] == []


def _alone(result: Result) -> Result:
    """What only ran out of patience, beside others on a slow machine, is tried once more; a broken promise is not."""
    if result.error.startswith(("TimeoutError", "TimeoutExpired")) or "still not true after" in result.error:
        return one_run(result.fault, result.number, SEED)
    return result
