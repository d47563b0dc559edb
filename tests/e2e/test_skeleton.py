"""The package that docs/skeleton shows is built, installed, and used by the installed command."""

import json
import os
import shutil
import smtplib
import subprocess
import sys

import pytest

from mailguard.testing import make_message
from tests.installed import COMMAND, ROOT, Installed

SKELETON = ROOT / "docs" / "skeleton"
ANN, KIM = "ann@corp.example", "kim@client.example"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the package is installed, and mailguard is on the path."""
    source, target = tmp_path_factory.mktemp("source") / "skeleton", tmp_path_factory.mktemp("site-packages")
    shutil.copytree(SKELETON, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, timeout=120)
    return {"PYTHONPATH": str(target), "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}


def test_its_own_tests_pass_where_it_is_installed(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(
        command, env={**os.environ, **environ}, cwd=SKELETON, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_without_it_its_words_are_unknown() -> None:
    done = subprocess.run(
        [COMMAND, "check", SKELETON / "rules"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert 'there is no condition "shouting"' in done.stdout
    assert 'there is no action "cool_off"' in done.stdout


def test_a_mail_that_shouts_waits_in_the_installed_service(installed: Installed, environ: dict[str, str]) -> None:
    shutil.copy(SKELETON / "rules" / "shouting.yaml", installed.folder / "rules")
    installed.start(**environ)
    with smtplib.SMTP("127.0.0.1", installed.ports["plain"], timeout=30) as client:
        client.sendmail(ANN, [KIM], make_message(ANN, KIM, subject="Where is it!!!"))
    lines = [json.loads(line) for line in installed.log.splitlines() if line.startswith("{")]
    (evaluated,) = [line for line in lines if line.get("event") == "message.evaluated"]
    assert "shouting-outside" in evaluated["rules"]
