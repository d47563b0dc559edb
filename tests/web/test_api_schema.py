"""Schemathesis against the API's own OpenAPI document: what it says is what is answered, and nothing ends in a 500."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mailguard.desk import Programs
from mailguard.records import Role
from mailguard.rules.rule import RuleSet
from mailguard.web.api import Parts, app
from tests.web import house as building
from tests.web.house import LEX, House
from tests.web.test_api import _health, program

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "negative_data_rejection", "unsupported_method", "ignored_auth",
)  # fmt: skip


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(app, "_ASKS", 1_000_000)
    monkeypatch.setattr(app, "_WRONG", 1_000_000)
    built = await building.build(
        tmp_path, api=lambda desk, store, clock: Parts(Programs(desk, store, clock), store, RuleSet, _health)
    )
    yield built
    await building.stop(built)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("role", "person"), [(Role.ADMIN, ""), (Role.APPROVER, LEX)])
async def test_nothing_that_can_be_asked_ends_in_a_500(house: House, role: Role, person: str, tmp_path: Path) -> None:
    for _ in range(2):
        held, asked = await house.held(), await house.for_approval()
    number = asked if role is Role.APPROVER else held
    caller = await program(house, role, person)
    # one mail that there is: else nearly all of what is made up ends as not found
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\nqueue_id = "{number}"\n', "utf-8")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{house.url}/api/v1/openapi.json", "--header",
        f"Authorization: Bearer {caller.token}", "--checks", ",".join(CHECKS), "--max-examples", "10", "--seed", "7",
        "--no-color", "--phases", "coverage,fuzzing", "--generation-database", "none",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    said = out.decode(errors="replace")
    assert process.returncode == 0, said[-6000:]
    assert re.search(r"\b10\b", said), "every operation was tried"
    assert caller.token not in (await _everything(house))


async def _everything(house: House) -> str:
    """Nothing the API answers, and nothing the audit says, has a token in it."""
    auditor = await program(house, Role.AUDITOR, name="last")
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"Authorization": f"Bearer {auditor.token}"}
        return (await client.get(f"{house.url}/api/v1/audit", headers=headers)).text
