"""The alert rules and the dashboard, loaded and asked by a real Prometheus that scrapes the installed service."""

import asyncio
import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from benchmarks.dashboard import load
from mailguard.demo.world import OutsideWorld
from mailguard.testing import eventually
from tests.installed import install
from tests.prometheus import DEPLOY, names, panels, running

RULES = DEPLOY / "prometheus" / "alerts.yaml"
Tool = Callable[[str], str]


def rules() -> list[dict[str, str]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found: list[dict[str, str]] = group["rules"]
    return found


def promtool(tool: Tool, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def test_promtool_accepts_configuration_and_rules(tool: Tool) -> None:
    done = promtool(tool, "check", "config", DEPLOY / "prometheus" / "prometheus.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_each_alert_rings_when_it_should_and_a_quiet_monday_is_quiet(tool: Tool) -> None:
    done = promtool(tool, "test", "rules", RULES.with_name("alerts.test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    tests = RULES.with_name("alerts.test.yaml").read_text("utf-8")
    assert [one["alert"] for one in rules() if f'alertname="{one["alert"]}"' not in tests] == []


def test_a_rule_that_never_rings_would_be_noticed(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(RULES.read_text("utf-8").replace("paused == 1", "paused == 2"))
    (tmp_path / "alerts.test.yaml").write_text(RULES.with_name("alerts.test.yaml").read_text("utf-8"))
    assert promtool(tool, "test", "rules", tmp_path / "alerts.test.yaml").returncode == 1


def test_every_metric_worth_an_alert_has_one_and_every_alert_says_what_to_do() -> None:
    page = (DEPLOY.parent / "docs" / "operating.md").read_text("utf-8")
    table = page.partition("| metric | alert when |")[2].partition("\n\n")[0]
    worth = set(re.findall(r"`(mailguard_\w+)", table)) - {
        "mailguard_directory_age_seconds"
    }  # says how old, beside the other
    asked = "".join(rule["expr"] for rule in rules())
    # A number of nodes is the site's own, and one unreadable file nobody's emergency: both are on the dashboard
    dashboard = "".join(query for panel in panels() for query, _ in panel.queries)
    assert {name for name in worth if name not in asked} <= {
        "mailguard_nodes", "mailguard_attachments_read_total", "mailguard_smtp_answer_seconds",
    }  # fmt: skip
    assert {name for name in worth if name not in dashboard + asked} == set()
    assert [rule["alert"] for rule in rules() if "action" not in rule["annotations"]] == []


@pytest.mark.slow
async def test_a_real_prometheus_answers_every_query_from_a_real_scrape(
    tmp_path: Path, sink: OutsideWorld, tool: Tool
) -> None:
    program = tool("prometheus")
    installed = await asyncio.to_thread(install, tmp_path, sink.port)
    await asyncio.to_thread(installed.start)
    try:
        with running(program, tmp_path, [installed.ports["metrics"]]) as prometheus:
            await asyncio.to_thread(load, installed, 4.0, 30)
            # the names of a real scrape: a counter with labels appears with its first value
            scrape = await asyncio.to_thread(_scrape, installed.ports["metrics"])
            asked = {name for panel in panels() for query, _ in panel.queries for name in names(query)}
            asked |= {name for rule in rules() for name in names(rule["expr"])}
            assert {
                name for name in asked if not re.search(rf"^(# TYPE )?{name.removesuffix('_total')}", scrape, re.M)
            } == set()

            silent: set[str] = set()

            async def all_answer() -> bool:
                asked = {query for panel in panels() for query, _ in panel.queries}
                silent.clear()
                silent.update({query for query in asked if not await asyncio.to_thread(prometheus.query, query)})
                return not silent

            for _ in range(60):
                if await all_answer():
                    break
                await asyncio.sleep(0.5)
            assert silent == set(), "queries of the dashboard without data"
            (received,) = await asyncio.to_thread(prometheus.query, "sum(mailguard_messages_received_total)")
            assert float(received["value"][1]) >= 30
            groups = await asyncio.to_thread(prometheus.ask, "rules")
            loaded = [rule for group in groups["groups"] for rule in group["rules"]]
            assert [rule["name"] for rule in loaded] == [rule["alert"] for rule in rules()]
            await eventually(lambda: _healthy(prometheus.ask("rules")), within=20)

            await asyncio.to_thread(installed.end)
            await eventually(lambda: _state(prometheus.ask("rules"), "MailguardDown") == "pending", within=30)
    finally:
        if installed.process is not None:
            await asyncio.to_thread(installed.end)


def _scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text: str = answer.read().decode()
    return text


def _healthy(said: dict[str, list[dict[str, list[dict[str, str]]]]]) -> bool:
    return all(rule["health"] == "ok" for group in said["groups"] for rule in group["rules"])


def _state(said: dict[str, list[dict[str, list[dict[str, str]]]]], name: str) -> str:
    return next(rule["state"] for group in said["groups"] for rule in group["rules"] if rule["name"] == name)


def test_the_dashboard_is_one_grafana_can_import() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "mailguard.json").read_text("utf-8"))
    assert dashboard["uid"] == "mailguard"
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
