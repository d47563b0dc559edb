"""The YAML language server (npm) completes rule files from our schema."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailguard.rules.schema import json_schema

pytestmark = [pytest.mark.clients("node"), pytest.mark.clients("npm")]
VERSION = "2.0.0"
HEAD = "# yaml-language-server: $schema=./rules.schema.json\nversion: 1\nrules:\n  - id: a\n"


class Server:
    """Speaks LSP over the server's stdin and stdout."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out, self._folder, self._number = process.stdin, process.stdout, folder, 0

    def ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            said = self._read()
            if said.get("id") == self._number and "method" not in said:
                return said["result"]
            if "id" in said and "method" in said:  # it asks for our settings: the defaults
                items = said["params"].get("items", []) if isinstance(said.get("params"), dict) else []
                self._send({"id": said["id"], "result": [None] * len(items)})

    def tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def offered(self, text: str) -> dict[str, Any]:
        """What it completes at the end of this text, by label."""
        uri = (self._folder / f"{self._number}.yaml").as_uri()
        self.tell(
            "textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}}
        )
        lines = text.split("\n")
        place = {"line": len(lines) - 1, "character": len(lines[-1])}
        found = self.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": place})
        return {item["label"]: item for item in found["items"]}

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._in.flush()

    def _read(self) -> dict[str, Any]:
        length = 0
        while line := self._out.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        found: dict[str, Any] = json.loads(self._out.read(length))
        return found


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if found := shutil.which("yaml-language-server"):
        return [found]
    folder = tmp_path_factory.mktemp("npm")
    wanted = ["npm", "install", "--no-audit", "--no-fund", "--silent", f"yaml-language-server@{VERSION}"]
    subprocess.run(wanted, cwd=folder, check=False, timeout=120, capture_output=True)
    made = folder / "node_modules" / ".bin" / "yaml-language-server"
    if not made.exists():
        pytest.skip("NOT TESTED: completion by the YAML language server: npm's registry did not give it")
    return [str(made)]


@pytest.fixture
def server(program: list[str], tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "rules.schema.json").write_text(json.dumps(json_schema()))
    with subprocess.Popen([*program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            server = Server(process, tmp_path)
            root = tmp_path.as_uri()
            server.ask("initialize", {"processId": None, "rootUri": root, "capabilities": {}, "workspaceFolders": None})
            server.tell("initialized", {})
            yield server
        finally:
            process.kill()


def test_it_completes_keys_and_words_and_says_what_they_mean(server: Server) -> None:
    conditions = server.offered(HEAD + "    when:\n      ")
    assert {"recipients", "words", "attachment", "any", "not"} <= set(conditions)
    people = server.offered(HEAD + "    when:\n      recipients:\n        any: ")
    assert {"external", "unexpected", "lookalike"} <= set(people)
    assert "outside the organization" in json.dumps(people["external"])
    actions = server.offered(HEAD + "    then:\n      - ")
    assert {"delay", "hold", "cc"} <= set(actions)
