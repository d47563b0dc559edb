"""The image and the compose file. No container engine runs them here: this reads what they say.

The checks are the ones of hadolint and of the CIS benchmark that apply to a file.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """(INSTRUCTION, arguments), continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def of(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for word, rest in stage if word == name]


KNOWN = {
    *("FROM", "RUN", "COPY", "LABEL", "ENV", "WORKDIR", "USER", "VOLUME", "EXPOSE"),
    *("STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
}


def test_every_instruction_is_one_docker_knows() -> None:
    assert {word for word, _ in instructions()} - KNOWN == set()


def test_the_base_is_slim_and_its_version_is_named() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.11-slim-\w+", base) for base in bases)


def test_every_library_is_checked_against_its_hash_and_none_is_compiled() -> None:
    installs = [
        part for run in of(stages()[0], "RUN") for part in run.split("&&") if re.search(r"pip (install|wheel)", part)
    ]
    assert len(installs) == 4
    for install in installs:
        from_index = "--require-hashes --only-binary :all: -r " in install
        own = "--no-deps" in install
        assert from_index or own, install


def test_the_final_stage_installs_nothing() -> None:
    runs = " ".join(of(stages()[1], "RUN"))
    assert not re.search(r"\b(pip|apt-get|apt|curl|wget|gcc|make)\b", runs)


def test_nobody_is_root() -> None:
    assert of(stages()[1], "USER") == ["10025:10025"]
    last_run = max(index for index, (word, _) in enumerate(stages()[1]) if word in {"RUN", "COPY"})
    assert stages()[1].index(("USER", "10025:10025")) > last_run


def test_it_starts_stops_and_tells_its_health() -> None:
    final = stages()[1]
    assert json.loads(of(final, "ENTRYPOINT")[0]) == ["mailguard"]
    assert json.loads(of(final, "CMD")[0]) == ["serve"]
    assert of(final, "STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(of(final, "HEALTHCHECK")[0].split("CMD ")[1]) == ["mailguard", "healthcheck"]
    assert json.loads(of(final, "VOLUME")[0]) == ["/var/lib/mailguard"]


def test_no_setting_of_the_image_is_taken_for_one_of_mailguard() -> None:
    assert "MAILGUARD_" not in (ROOT / "Dockerfile").read_text("utf-8")


def test_what_is_copied_exists_and_is_let_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"}
    copied = {name for rest in of(stages()[0], "COPY") for name in rest.split()[:-1]}
    assert copied == allowed
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_all_that_the_wheel_packs_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel["force-include"], project["project"]["readme"]]
    copied = {name for rest in of(stages()[0], "COPY") for name in rest.split()[:-1]}
    assert [path for path in needed if path not in copied] == []


# --- compose ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    return loaded


SERVICE_KEYS = {
    *("image", "build", "command", "init", "restart", "user", "read_only", "cap_drop", "security_opt"),
    *("sysctls", "tmpfs", "volumes", "secrets", "ports", "healthcheck", "stop_grace_period"),
    *("pids_limit", "mem_limit", "ulimits", "logging"),
}


def test_compose_uses_only_keys_of_its_specification(compose: dict[str, Any]) -> None:
    assert set(compose) == {"name", "services", "volumes", "secrets"}
    assert set(compose["services"]["mailguard"]) - SERVICE_KEYS == set()


def test_the_container_may_write_only_where_it_must(compose: dict[str, Any]) -> None:
    service = compose["services"]["mailguard"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp", "/run/mailguard"]
    writable = [mount for mount in service["volumes"] if not mount.endswith(":ro")]
    assert writable == ["store:/var/lib/mailguard"]


def test_the_user_of_compose_is_the_one_of_the_image(compose: dict[str, Any]) -> None:
    service = compose["services"]["mailguard"]
    assert service["user"] == of(stages()[1], "USER")[0]
    assert all(secret["uid"] == "10025" for secret in service["secrets"])
    assert "uid=10025" in service["tmpfs"][1]


def test_everything_named_is_defined(compose: dict[str, Any]) -> None:
    service = compose["services"]["mailguard"]
    assert {secret["source"] for secret in service["secrets"]} == set(compose["secrets"])
    assert "store" in compose["volumes"]
    exposed = set(of(stages()[1], "EXPOSE")[0].split())
    assert {port.split(":")[-1] for port in service["ports"]} <= exposed


def test_only_the_mail_ports_are_open_to_other_machines(compose: dict[str, Any]) -> None:
    public = [port for port in compose["services"]["mailguard"]["ports"] if not port.startswith("127.0.0.1:")]
    assert public == ["465:465", "587:587"]


def test_compose_and_image_ask_for_health_the_same_way(compose: dict[str, Any]) -> None:
    check = compose["services"]["mailguard"]["healthcheck"]
    said = of(stages()[1], "HEALTHCHECK")[0]
    assert check["test"] == ["CMD", "mailguard", "healthcheck"]
    assert f"--interval={check['interval']} --timeout={check['timeout']}" in said


def test_the_image_is_named_after_the_version(compose: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert compose["services"]["mailguard"]["image"] == f"mailguard:{project['version']}"
