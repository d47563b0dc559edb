"""The socket that the command line talks to: one JSON object a line, asked and answered.

Whoever may open it may act (mode 0660, a group's choice); the kernel says who that is, and the audit keeps it.
"""

import asyncio
import json
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mailguard.admin.app_passwords import AppPasswordVerbs
from mailguard.admin.audit import AuditVerbs
from mailguard.admin.factors import FactorVerbs
from mailguard.admin.guard import GuardVerbs
from mailguard.admin.history import HistoryVerbs
from mailguard.admin.legal import LegalVerbs
from mailguard.admin.tokens import TokenVerbs
from mailguard.clock import Clock
from mailguard.desk import Operator
from mailguard.desk.shapes import decision_json, event_json, hit_json, mail_json, node_json
from mailguard.document.problem import Problem, render
from mailguard.document.units import duration
from mailguard.errors import ConfigError, MailguardError
from mailguard.log import Log
from mailguard.mail import address
from mailguard.records import Actor, State
from mailguard.store.base import Filter, Store
from mailguard.store.nodes import Node

MAX_LINE = 1 << 20
LIST_LIMIT = 100_000
FOLLOW = 15.0  # seconds that other processes are given to reload as well

Handler = Callable[[Mapping[str, Any], Actor], Awaitable[Any]]


class AdminServer:
    """Answers `mailguard queue`, `reload`, `healthcheck`, `bypass`, `user` and `history`."""

    def __init__(
        self,
        path: Path,
        operator: Operator,
        store: Store,
        clock: Clock,
        log: Log,
        *,
        reload: Callable[[str], Awaitable[str]],
        followed: Callable[[float], Awaitable[Sequence[Node]]],
        health: Callable[[], Awaitable[Mapping[str, Any]]],
        guard: GuardVerbs,
        factors: FactorVerbs,
        app_passwords: AppPasswordVerbs,
        history: HistoryVerbs,
    ) -> None:
        self._path, self._operator, self._store, self._clock, self._log = path, operator, store, clock, log
        self._reload, self._followed, self._health = reload, followed, health
        self._server: asyncio.Server | None = None
        audit, tokens, legal = AuditVerbs(operator, store, clock), TokenVerbs(store, clock), LegalVerbs(store, clock)
        self._verbs: dict[str, Handler] = {
            "list": self._list, "show": self._show, "act": self._act, "reload": self._reloaded, "health": self._healthy,
            "resume": self._resume,
            "bypass": guard.aside, "users": guard.users, "thaw": guard.thaw,
            "erase": audit.erase, "user_changed": audit.user_changed, "aid": audit.aid,
            "history_learn": history.learn, "history_forget": history.forget,
            "factor_enrol": factors.enrol, "factor_remove": factors.remove, "factor_list": factors.list,
            "app_password_list": app_passwords.list, "app_password_revoke": app_passwords.revoke,
            "legal_hold_set": legal.set, "legal_hold_lift": legal.lift, "legal_hold_list": legal.list,
            "token_add": tokens.add, "token_revoke": tokens.revoke, "token_list": tokens.list,
        }  # fmt: skip

    async def start(self) -> None:
        """Bind; ConfigError when the path can't be used. A socket left by a crash is replaced."""
        try:
            self._clear()
            before = os.umask(0o117)
            try:
                self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
            finally:
                os.umask(before)
        except OSError as error:
            raise ConfigError(
                f"cannot make the admin socket {self._path}: {error.strerror}; set admin.socket to a path "
                "that this user may write (sockets take at most 107 characters)"
            ) from error

    def _clear(self) -> None:
        """Take away what a crash left, and nothing else."""
        if not self._path.exists():
            return
        if not self._path.is_socket():
            raise ConfigError(f"admin.socket names {self._path}, which is there and is no socket: choose another path")
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self._path)) == 0:
                raise ConfigError(f"another mailguard answers at {self._path}: stop it, or set admin.socket apart")
        self._path.unlink()

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        actor = _peer(writer.get_extra_info("socket"))
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line, actor)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line without end
        finally:
            writer.close()

    async def _answer(self, line: bytes, actor: Actor) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            handler = self._verbs[asked["verb"]]
            return {"ok": await handler(asked, actor)}
        except ConfigError as error:
            found = [problem for problem in error.problems if isinstance(problem, Problem)]
            return {"error": str(error), "problems": render(found).splitlines()[:-1] if found else []}
        except (MailguardError, ValueError) as error:
            return {"error": str(error)}
        except (KeyError, TypeError):
            return {"error": "not understood; is the command line of the same version as the service?"}
        except Exception as error:
            self._log.failure("admin", error)
            return {"error": "something went wrong inside; the service's log says what"}

    async def _list(self, asked: Mapping[str, Any], _actor: Actor) -> list[dict[str, Any]]:
        state = asked.get("state") or ""
        older = asked.get("older_than")
        what = Filter(
            state=State(state) if state and state != "waiting" else None, waiting=state == "waiting",
            sender=address.key(asked.get("from") or ""), recipient=address.key(asked.get("to") or ""),
            rule=asked.get("rule") or "", before=self._clock.now() - duration(older) if older else None,
            limit=min(int(asked.get("limit") or 1000), LIST_LIMIT),
        )  # fmt: skip
        return [mail_json(mail) for mail in await self._store.find(what)]

    async def _show(self, asked: Mapping[str, Any], _actor: Actor) -> dict[str, Any] | None:
        mail = await self._store.get(str(asked["queue_id"]).upper())
        if mail is None:
            return None
        events = await self._store.events(mail.queue_id)
        return mail_json(mail) | {
            "hits": [hit_json(hit) for hit in mail.hits],
            "events": [event_json(event) for event in events],
        }

    async def _act(self, asked: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        queue_id = str(asked["queue_id"]).upper()
        decision = await self._operator.operate(str(asked["act"]), queue_id, actor, asked.get("recipients") or ())
        return decision_json(queue_id, decision)

    async def _reloaded(self, _asked: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        rules = await self._reload(str(actor))
        return {"rules": rules, "nodes": [node_json(node) for node in await self._followed(FOLLOW)]}

    async def _resume(self, _asked: Mapping[str, Any], actor: Actor) -> dict[str, bool]:
        return {"resumed": await self._operator.resume(actor)}

    async def _healthy(self, _asked: Mapping[str, Any], _actor: Actor) -> Mapping[str, Any]:
        return await self._health()


def _peer(sock: socket.socket) -> Actor:
    """The user at the other end (SO_PEERCRED)."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "?"
    return Actor(f"{name} uid={uid}", "cli")
