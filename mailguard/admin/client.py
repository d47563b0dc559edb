"""Asking the running service, from the command line."""

import json
import socket
from pathlib import Path
from typing import Any

from mailguard.errors import MailguardError


class Unreachable(MailguardError):
    """No service answers at the admin socket."""


class Refused(MailguardError):
    """The service answered that it would not; `problems` are lines about files, if any."""

    def __init__(self, text: str, problems: list[str]) -> None:
        super().__init__(text)
        self.problems = problems


def ask(path: Path, verb: str, /, timeout: float = 60.0, **arguments: object) -> Any:
    """One question, one answer (JSON). Raises Unreachable or Refused."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
    except OSError as error:
        raise Unreachable(
            f"no mailguard answers at {path} ({error.strerror or error}): is the service running, "
            "and may this user open its admin socket?"
        ) from error
    if not line:
        raise Unreachable(f"mailguard at {path} closed the connection without an answer")
    answer = json.loads(line)
    if "error" in answer:
        raise Refused(answer["error"], answer.get("problems", []))
    return answer["ok"]
