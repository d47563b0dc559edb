"""The doors: listeners opened, sessions counted and swept, certificates renewed, everything drained at the end."""

import asyncio
import contextlib
import errno
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from mailguard.clock import Clock
from mailguard.document.units import host_port
from mailguard.errors import ConfigError
from mailguard.smtpd.app_passwords import AppPasswords, WithAppPasswords
from mailguard.smtpd.auth import Authenticator, cannot_say
from mailguard.smtpd.bodies import Bodies
from mailguard.smtpd.connection import Connection
from mailguard.smtpd.connector import Connector
from mailguard.smtpd.directory import AskDirectory, DirectoryUsers
from mailguard.smtpd.faces import Faces
from mailguard.smtpd.floor import Accept, Commits, Floor, Room
from mailguard.smtpd.gate import Gate
from mailguard.smtpd.lock import Lock
from mailguard.smtpd.oauth import TokenUsers
from mailguard.smtpd.policy import Policy
from mailguard.smtpd.quota import Meter
from mailguard.smtpd.session import SmtpSession
from mailguard.smtpd.settings import Auth, Listener, ListenerMode, SmtpSettings, TlsFiles
from mailguard.smtpd.tls import refuse_outdated, server_context
from mailguard.smtpd.upstream import TryLogin, UpstreamUsers, own_address
from mailguard.smtpd.users import FileUsers, UsersChanged
from mailguard.smtpd.warden import NoWarden, Warden
from mailguard.smtpd.watching import NoWatcher, Watcher

_LISTEN_HELP = {
    errno.EADDRINUSE: "another program has that port: stop it, or choose another port",
    errno.EACCES: "ports below 1024 need a permission (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)",
    errno.EADDRNOTAVAIL: "this machine doesn't have that address",
}
SWEEP = 1.0  # seconds between two looks at everybody's deadline


@dataclass(slots=True)
class _Door:
    """One open listener; the floor is for the next connection."""

    server: asyncio.Server
    floor: Floor


class SmtpServer:
    """Mail in. `users` overrides what the settings say; `try_login` is needed for `users: {upstream: …}`, and
    `ask_directory` for `users: {ldap: …}`.

    `internal` says whether an address is our own; `send_as` which addresses an upstream login may use; the `warden`
    who may send at all. `users_changed` is told of every change of users.yaml, within a second or two.
    """

    def __init__(
        self,
        settings: SmtpSettings,
        accept: Accept,
        clock: Clock,
        *,
        internal: Callable[[str], bool],
        notices_sender: str,
        watcher: Watcher | None = None,
        room: Room | None = None,
        users: Authenticator | None = None,
        try_login: TryLogin | None = None,
        ask_directory: AskDirectory | None = None,
        send_as: Callable[[str], tuple[str, ...]] = own_address,
        warden: Warden | None = None,
        users_changed: UsersChanged | None = None,
        logins_elsewhere: bool = False,
        shared: bool = False,
        app_passwords: AppPasswords | None = None,
    ) -> None:
        """`logins_elsewhere`: others ask for logins here (`log_in`), also where no listener does.

        `shared`: other processes of ours listen at the same ports, and the kernel gives each client to one of them.
        """
        self._settings, self._accept, self._clock = settings, accept, clock
        self._internal, self._notices_sender = internal, notices_sender
        self._connector = Connector(internal, notices_sender)
        self._watcher = watcher or NoWatcher()
        self._room = room or _endless
        self._given_users, self._try_login, self._send_as = users, try_login, send_as
        self._ask_directory = ask_directory
        self._warden, self._users_changed = warden or NoWarden(), users_changed
        self._logins_elsewhere, self._shared = logins_elsewhere, shared
        self._app_passwords = app_passwords
        self._gate, self.meter, self._commits = Gate(), Meter(clock, self._warden), Commits()
        self._bodies, self._faces = Bodies(), dict[str, Faces]()
        self._doors: dict[str, _Door] = {}
        self._sessions: set[Connection] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._looker: asyncio.Task[None] | None = None
        self._users: Authenticator | None = None
        self._tokens: TokenUsers | None = None
        self._certificate = b""

    async def start(self) -> None:
        """Open every listener, or none: ConfigError says which address or file was the trouble."""
        await self.reload(self._settings)
        self._sweeper = asyncio.create_task(self._sweep())
        self._looker = asyncio.create_task(self._look())

    async def stop(self, drain: float) -> None:
        """Take no new clients, give mails in progress `drain` seconds; what is being committed is always awaited."""
        for door in self._doors.values():
            door.server.close()
        for session in list(self._sessions):
            session.shut_down()
        await self._settle(drain)
        if self._commits.running:
            await asyncio.wait(self._commits.running)
        while any(session.committing for session in self._sessions):
            await self._clock.sleep(0)  # some turns of the loop, until they have their answers
        for session in list(self._sessions):
            if session.task is not None:
                session.task.cancel()
        if tasks := [session.task for session in self._sessions if session.task is not None]:
            await asyncio.wait(tasks)
        for task in (self._sweeper, self._looker):
            if task is not None:
                task.cancel()
        self._doors.clear()

    async def reload(self, settings: SmtpSettings) -> None:
        """Certificates, users, limits and listeners, all or nothing: ConfigError leaves everything as it was.

        Sessions that are open keep what they began with. Where logins are other ones from now on, those that logged in
        end after the mail in progress.
        """
        others = settings.users != self._settings.users
        tls, certificate = await asyncio.to_thread(self._load_certificate, settings.tls)
        users = await self._authenticator(settings)
        tokens = self._token_users(settings, users)
        floors = {
            name: self._floor(name, settings, one, tls, self._of_clients(settings, users), tokens)
            for name, one in zip(_names(settings), settings.listeners, strict=True)
        }
        fresh: dict[str, _Door] = {}
        try:
            for name, floor in floors.items():
                if name not in self._doors:
                    fresh[name] = await self._open(floor)
        except ConfigError:
            for door in fresh.values():
                door.server.close()
            raise
        for name in self._doors.keys() - floors.keys():
            self._doors.pop(name).server.close()
        for name, door in self._doors.items():
            door.floor = floors[name]
        self._doors |= fresh
        self._settings, self._users, self._tokens, self._certificate = settings, users, tokens, certificate
        for session in list(self._sessions) if others else ():
            if session.logged_in():
                session.shut_down()

    @property
    def ports(self) -> list[int]:
        """Bound ports, in the order of the settings."""
        return [int(address.rpartition(":")[2]) for address in self.addresses]

    @property
    def addresses(self) -> list[str]:
        """HOST:PORT of every listener, in the order of the settings."""
        return [_bound(self._doors[name].server) for name in _names(self._settings) if name in self._doors]

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self._gate.inside

    def _load_certificate(self, files: TlsFiles | None) -> tuple[ssl.SSLContext | None, bytes]:
        """A new one must be good today. The one that is live may have grown old: then nothing is lost by keeping it."""
        context = server_context(files)
        if files is None or context is None:
            return None, b""
        certificate = files.certificate.read_bytes()
        if self._doors and certificate != self._certificate:
            refuse_outdated(context, files)
        return context, certificate

    async def _authenticator(self, settings: SmtpSettings) -> Authenticator | None:
        if self._given_users is not None:
            return self._given_users
        asked = self._logins_elsewhere or any(one.auth is Auth.REQUIRED for one in settings.listeners)
        if settings.users is None or not settings.users.passwords or not asked:
            return None
        if self._users is not None and settings.users == self._settings.users:
            return self._users  # its memory of who logged in and who failed stays
        if settings.users.file is not None:
            return await asyncio.to_thread(FileUsers, settings.users.file, self._clock, self._watcher)
        if settings.users.ldap is not None:
            if self._ask_directory is None:
                raise ConfigError("smtp.users.ldap: directory.ldap is read with the next restart, not with a reload")
            return DirectoryUsers(settings.users.ldap, self._ask_directory, self._clock, self._internal, self._watcher)
        if self._try_login is None or settings.users.upstream is None:
            raise ConfigError("smtp.users.upstream: logins can't be tried from here: use users: {file: users.yaml}")
        return UpstreamUsers(settings.users.upstream, self._try_login, self._clock, self._send_as)

    def _of_clients(self, settings: SmtpSettings, users: Authenticator | None) -> Authenticator | None:
        """Who lets mail clients in; `users` alone are asked for the passwords of people."""
        asked = settings.users.app_passwords if settings.users else None
        if asked is None or self._app_passwords is None:
            return users
        file = users if isinstance(users, FileUsers) else None
        return WithAppPasswords(self._app_passwords, None if asked.only else users, file)

    def _token_users(self, settings: SmtpSettings, users: Authenticator | None) -> TokenUsers | None:
        if settings.users is None or settings.users.oauth is None:
            return None
        if self._tokens is not None and settings.users == self._settings.users and users is self._users:
            return self._tokens  # with its provider's keys
        from mailguard.oidc.bearer import Bearer  # an extra's libraries, and slow to load

        file = users if isinstance(users, FileUsers) else None
        whose = Bearer(settings.users.oauth, self._clock).whose
        return TokenUsers(settings.users.oauth, whose, self._clock, self._watcher, self._internal, self._send_as, file)

    def _floor(
        self,
        name: str,
        settings: SmtpSettings,
        listener: Listener,
        tls: ssl.SSLContext | None,
        users: Authenticator | None,
        tokens: TokenUsers | None,
    ) -> Floor:
        needs_login = listener.auth is Auth.REQUIRED
        return Floor(
            hostname=settings.hostname,
            listener=listener,
            limits=settings.limits,
            quota=settings.quota if needs_login else listener.quota,
            tls=tls,
            users=users if needs_login else None,
            tokens=tokens if needs_login else None,
            policy=Policy(self._internal, self._notices_sender, listener.senders, settings.verp),
            connector=self._connector if listener.mode is ListenerMode.CONNECTOR else None,
            accept=self._accept,
            clock=self._clock,
            watcher=self._watcher,
            room=self._room,
            gate=self._gate,
            meter=self.meter,
            commits=self._commits,
            bodies=self._bodies,
            warden=self._warden,
            lock=Lock(listener.lock, self._internal) if listener.lock else None,
            faces=self._faces.setdefault(name, Faces()),
        )

    async def _open(self, floor: Floor) -> _Door:
        loop = asyncio.get_running_loop()
        host, port = host_port(floor.listener.bind)
        door: _Door

        def session() -> SmtpSession:
            made = SmtpSession(door.floor, loop, self._sessions.discard)
            self._sessions.add(made)
            return made

        try:
            server = await loop.create_server(
                session, host, port, backlog=512, reuse_address=True, reuse_port=self._shared, start_serving=False
            )
        except (OSError, OverflowError) as error:
            raise ConfigError(f"smtp.listeners: can't listen on {floor.listener.bind}: {_why(error)}") from None
        door = _Door(server, floor)
        await server.start_serving()
        return door

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(SWEEP)
            now = self._clock.monotonic()
            for session in list(self._sessions):
                session.sweep(now)

    async def look_at_users(self) -> None:
        """Read users.yaml if it is another one by now; `users_changed` has done its work when this returns."""
        if isinstance(self._users, FileUsers) and self._users_changed is not None:
            await self._users.tell(self._users_changed)

    async def log_in(self, name: str, password: str, peer: str) -> tuple[str, str]:
        """The login and its own mailbox, '' without one; as AUTH does, slowing down who guesses.

        PermanentFailure: wrong. TemporaryFailure: nobody can tell now.
        """
        if self._users is None:
            raise cannot_say("there are no logins")
        if self._app_passwords is not None and not isinstance(self._users, FileUsers):
            await self._app_passwords.keep_here(name, password, peer)
        user = await self._users.check(name, password, peer)
        return user.name, next((address for address in user.send_as[:1] if not address.startswith("*")), "")

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(SWEEP)
            try:
                await self.look_at_users()
            except Exception as error:
                self._watcher.failure("users.yaml", error)

    async def _settle(self, drain: float) -> None:
        """Until every session has ended, or `drain` seconds have passed."""
        tasks = {session.task for session in self._sessions if session.task is not None}
        if not tasks or drain <= 0:
            return
        patience = asyncio.create_task(self._clock.sleep(drain))
        everybody = asyncio.create_task(asyncio.wait(tasks))
        await asyncio.wait({patience, everybody}, return_when=asyncio.FIRST_COMPLETED)
        for task in (patience, everybody):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _names(settings: SmtpSettings) -> list[str]:
    """One name per listener: its address, counted where several ask for any free port (`:0`)."""
    binds = [listener.bind for listener in settings.listeners]
    return [f"{bind} #{binds[:at].count(bind)}" for at, bind in enumerate(binds)]


async def _endless(_: int) -> bool:
    return True


def _bound(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(error: OSError | OverflowError) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        return str(error)
    return _LISTEN_HELP.get(number) or os.strerror(number)
