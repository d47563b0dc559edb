"""The simulation behind docs/scaling.md, where queueing theory knows the answer."""

import pytest

from benchmarks.scaling import Cost, Simulation

COST = Cost(node=0.004, database=0.002, driver=0.001, idle=0.013)


def rate(nodes: int, clients: int, *, shared: int | None = None, database: int = 16, cost: Cost = COST) -> float:
    return Simulation(cost, nodes, clients, shared=shared, database=database).rate()


def test_one_client_waits_for_nobody() -> None:
    assert rate(1, 1) == pytest.approx(1 / 0.020, rel=0.01)
    assert rate(1, 1, shared=2) == pytest.approx(1 / 0.020, rel=0.01)


def test_with_many_clients_the_busiest_sets_the_pace() -> None:
    assert rate(1, 12) == pytest.approx(1 / 0.004, rel=0.05)
    assert rate(2, 12) == pytest.approx(2 / 0.004, rel=0.05)
    assert rate(8, 12, database=1) == pytest.approx(1 / 0.002, rel=0.05)


def test_on_shared_cores_all_work_counts() -> None:
    assert rate(3, 12, shared=2) == pytest.approx(2 / 0.007, rel=0.05)
