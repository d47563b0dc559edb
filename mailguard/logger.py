"""How a line of the log is written: its columns, its format, and where it goes."""

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TextIO

import structlog
from pydantic import Field

from mailguard.document.units import Section
from mailguard.syslog import Syslog, in_journal, marked

_COLUMNS = [
    "ts",
    "level",
    "event",
    "queue_id",
    "message_id",
    "session_id",
    "sender",
    "rcpt_count",
    "rcpt_domains",
    "size",
    "rules",
    "action",
    "due",
    "state",
    "attempt",
    "remote",
    "smtp_code",
    "enhanced_code",
    "duration_ms",
    "actor",
    "error",
]
# What may be shown to whoever helps from afar: plain, or as a mark (cli/masked.py). What is missing here is not shown.
EVENT_FIELDS: Mapping[str, Literal["plain", "mark"]] = {
    **dict.fromkeys([*_COLUMNS, "domain", "selector"], "mark"),
    **dict.fromkeys(
        ["ts", "level", "event", "queue_id", "session_id", "rcpt_count", "size", "action", "due", "state", "attempt",
         "smtp_code", "enhanced_code", "duration_ms", "rules_hash", "where", "kinds", "again_in", "worker", "code",
         "seal", "last", "held", "mails", "people", "groups", "lists", "since", "mode", "until"], "plain"),
}  # fmt: skip
_ECS = {
    "ts": "@timestamp", "level": "log.level", "event": "event.action", "message_id": "email.message_id",
    "sender": "email.from.address", "error": "error.message", "size": "email.size", "remote": "destination.address",
}  # fmt: skip


class LogSettings(Section):
    """How the log is written."""

    format: Literal["json", "console", "logfmt", "ecs"] = "json"
    """json and ecs for machines, console for people, logfmt for both."""
    addresses: Literal["full", "domain", "hash"] = "full"
    """How mail addresses appear: whole, the domain alone, or a hash that still correlates."""
    subjects: bool = False
    """Whether subjects may appear in the log."""
    syslog: Annotated[str, Field(pattern=r"^(/.+|(\[[0-9a-fA-F:]+\]|[^:/\s]+):\d{1,5})$")] | None = None
    """A syslog daemon that hears each line, too: its socket (/dev/log), or HOST:PORT by UDP."""


_PLACE = {name: place for place, name in enumerate(_COLUMNS)}
_JSON = json.JSONEncoder(ensure_ascii=False, default=repr).encode  # one encoder, instead of one a line


def _order(_: object, __: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The known columns first; what is empty is left out."""
    names = sorted(event, key=lambda name: _PLACE.get(name, len(_PLACE)))
    return {name: value for name in names if (value := event[name]) or isinstance(value, int | float)}


def _json(_: object, __: str, event: Mapping[str, Any]) -> str:
    return _JSON(event)


def _ecs(_: object, __: str, event: Mapping[str, Any]) -> dict[str, Any]:
    return {_ECS.get(name, f"mailguard.{name}"): value for name, value in event.items()}


class _Rendered:
    """The line, as this format has it; known to the syslog daemon, and with its priority where the journal reads it."""

    def __init__(self, renderers: Iterable[Any], syslog: str | None, *, journal: bool) -> None:
        self._renderers, self._journal = tuple(renderers), journal
        self._syslog = Syslog(syslog) if syslog else None

    def __call__(self, logger: object, name: str, event: Any) -> str:
        level = event["level"]
        for render in self._renderers:
            event = render(logger, name, event)
        line: str = event
        if self._syslog:
            self._syslog.write(level, line)
        return marked(level, line) if self._journal else line


def logger(settings: LogSettings, stream: TextIO | None = None) -> Any:
    """Writes events as lines to stdout, or to `stream`."""
    renderers: dict[str, list[Any]] = {
        "json": [_json],
        "console": [structlog.dev.ConsoleRenderer(colors=False, timestamp_key="ts")],
        "logfmt": [structlog.processors.LogfmtRenderer()],
        "ecs": [_ecs, _json],
    }
    out = stream or sys.stdout
    return structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _order,
            _Rendered(renderers[settings.format], settings.syslog, journal=in_journal(out)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
