"""A real Prometheus that scrapes an installation every second, asked over its HTTP API."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mailguard.demo.site import free_port

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "mailguard.json"


@dataclass(frozen=True)
class Panel:
    """One panel of the dashboard, with its queries as Prometheus understands them and their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def panels(interval: str = "15s") -> list[Panel]:
    """All of the dashboard; Grafana's variables are filled in as it would."""
    found = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [
        Panel(
            one["title"], one["fieldConfig"]["defaults"]["unit"],
            tuple((_filled(target["expr"], interval), target["legendFormat"]) for target in one["targets"]),
        )
        for one in found
    ]  # fmt: skip


def _filled(query: str, interval: str) -> str:
    filled = query.replace("$__rate_interval", interval).replace("$job", ".*")
    assert "$" not in filled, query
    return filled


def names(query: str) -> set[str]:
    """The metrics that a query asks for."""
    return set(re.findall(r"\bmailguard_\w+", query))


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def ask(self, path: str, **arguments: object) -> Any:
        """The data of an answer; an error of Prometheus' is one of ours."""
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(arguments)}") as answer:
            return json.load(answer)["data"]

    def query(self, query: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=query)["result"]
        return found

    def series(self, query: str, start: float, end: float, step: float) -> list[Any]:
        found: list[Any] = self.ask("query_range", query=query, start=start, end=end, step=step)["result"]
        return found


@contextmanager
def running(program: str, folder: Path, ports: Sequence[int]) -> Iterator[Prometheus]:
    """With the example configuration and rules, but for its targets and a scrape each second."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yaml")]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    (folder / "prometheus.json").write_text(json.dumps(config))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        made, deadline = Prometheus(port), time.monotonic() + 30
        while not made.ready():
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(30)
