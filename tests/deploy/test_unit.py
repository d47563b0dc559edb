"""The systemd unit: hardened, readable for systemd, and in step with what mailguard does."""

import re
import subprocess
from collections.abc import Callable
from configparser import RawConfigParser
from pathlib import Path

UNIT = Path(__file__).parents[2] / "deploy" / "mailguard.service"

Tool = Callable[[str], str]


def service() -> dict[str, str]:
    parser = RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = lambda option: option  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text("utf-8"))
    return dict(parser["Service"])


def analyze(tool: Tool, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("systemd-analyze"), "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_exposure_is_at_most_two(tool: Tool) -> None:
    done = analyze(tool, "security", "--offline=true", "--threshold=20", str(UNIT))
    found = re.search(r"Overall exposure level for mailguard\.service: (\d+\.\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= 2.0
    assert done.returncode == 0


def test_systemd_understands_every_line(tmp_path: Path, tool: Tool) -> None:
    # verify looks for the program, which is not installed in /opt here
    text = UNIT.read_text("utf-8").replace("/opt/mailguard/bin/mailguard", "/bin/true")
    copy = tmp_path / UNIT.name
    copy.write_text(text, "utf-8")
    done = analyze(tool, "verify", str(copy))
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
    assert (about_us, done.returncode) == ([], 0)


def test_a_misspelt_line_would_be_noticed(tmp_path: Path, tool: Tool) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text("[Service]\nExecStart=/bin/true\nNoNewPriviliges=yes\n", "utf-8")
    assert "'NoNewPriviliges'" in analyze(tool, "verify", str(copy)).stderr


def test_a_reader_of_attached_files_that_runs_out_of_memory_ends_alone() -> None:
    """systemd stops a service of which any process was killed for memory, unless told."""
    assert service()["OOMPolicy"] == "continue"


def test_it_may_bind_low_ports_and_nothing_else() -> None:
    lines = service()
    assert lines["AmbientCapabilities"] == lines["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert lines["User"] == "mailguard"


def test_reload_is_the_signal_mailguard_reloads_on_and_a_bad_configuration_is_not_retried() -> None:
    lines = service()
    assert lines["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert lines["RestartPreventExitStatus"] == "78"
    assert lines["Type"] == "notify"


def test_the_folders_are_the_ones_of_the_example_configuration() -> None:
    lines = service()
    assert (lines["StateDirectory"], lines["RuntimeDirectory"]) == ("mailguard", "mailguard")
    assert lines["ExecStart"].endswith("--config /etc/mailguard/mailguard.yaml serve")
