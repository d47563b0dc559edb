"""Stricter policy reaches what already waits: frozen identities, disabled logins, new no-contact orders.

A reason is remembered first and applied then, so that the next start finishes what a crash broke off. What is still
between its dot and its commit when a reason comes gets the hold with its commit (`stricter`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailguard.clock import Clock
from mailguard.curbs.reasons import DISABLED, FROZEN, ORDER, Reasons, Standing, order_name
from mailguard.errors import TemporaryFailure
from mailguard.locale import sayings
from mailguard.log import Log
from mailguard.mail import address
from mailguard.people.alerts import Alert
from mailguard.records import Action, Actor, Curb, NewMail, NewNotice
from mailguard.store.base import Load, Store
from mailguard.tasks import Tasks, patiently

PATIENCE = (1.0, 5.0, 30.0, 120.0, 600.0)  # seconds between tries when the store is busy or full
_START, _USERS, _PEOPLE = (Actor(name, "policy") for name in ("start", "users.yaml", "people.yaml"))
_QUOTA, _ELSEWHERE = Actor("quota", "policy"), Actor("another node", "policy")


class Curbs:
    """A `smtpd.Warden`, and whoever makes waiting mail wait for a person."""

    def __init__(
        self, store: Store, reasons: Reasons, clock: Clock, log: Log, alerts: Alert, wake: Callable[[], None],
        others: Callable[[str], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        """`others`: whether a login that users.yaml does not name may send all the same."""
        self._alerts, self._others = alerts, others
        self._store, self._reasons, self._clock = store, reasons, clock
        self._log, self._wake = log, wake
        self._standing: dict[str, Standing] = {}
        self._kept: frozenset[str] = frozenset()  # those of which the store knows
        self._enabled: frozenset[str] | None = None  # None: nobody knows, whoever can log in may send
        self._tasks = Tasks()

    async def start(self, enabled: frozenset[str] | None, *, moved: bool = False) -> None:
        """Before anything is carried: what was remembered is applied again, and what changed meanwhile is applied.

        `moved`: logins were of another place when a service last ran, so whoever is signed in was so by those.
        """
        self._standing = await self._remembered()
        self._kept = frozenset(self._standing)
        await self.people_changed()
        if moved:
            await self._sign_out(frozenset(), None)
        await self.users_changed(enabled)
        for standing in list(self._standing.values()):
            await self._apply(standing, _START)

    async def refresh(self) -> list[str]:
        """What other processes on the same store decided counts here as well; whom they thawed is returned."""
        before = self._kept  # what changes here meanwhile is in the store's next news
        kept = await self._remembered()
        orders = {order_name(order): order for order in self._reasons.people().no_contact}
        gone = before - kept.keys()
        for name in gone:
            self._standing.pop(name, None)
        for name in kept.keys() - before - self._standing.keys():
            self._standing[name] = replace(kept[name], order=orders.get(name))
            await self._apply(self._standing[name], _ELSEWHERE)  # to what we accepted since, not knowing
        self._kept = self._kept - gone | kept.keys()
        return [name.removeprefix(FROZEN) for name in gone if name.startswith(FROZEN)]

    async def _remembered(self) -> dict[str, Standing]:
        found = (await self._store.recall("*")).items()
        return {name: _standing(name, value) for name, value in found if name.startswith((FROZEN, DISABLED, ORDER))}

    async def stop(self, drain: float) -> None:
        """What is being made durable ends within `drain` seconds."""
        await self._tasks.end(drain)

    # what came in meanwhile
    def stricter(self, mail: NewMail) -> NewMail:
        """The mail with the holds of everything that became stricter since it was received.

        Call it right before the store is asked to keep the mail, with no await between: then one of both finds it.
        """
        now = self._clock.now()
        for standing in self._standing.values():
            if standing.since >= mail.received_at and (curb := self._reasons.curb(standing, now)):
                mail = _curbed(mail, curb)
        return mail

    # orders
    async def people_changed(self) -> None:
        """New no-contact orders bind what waits; one that is gone is forgotten, and what it held stays held."""
        orders = {order_name(order): order for order in self._reasons.people().no_contact}
        for name in [n for n in self._standing if n.startswith(ORDER) and n not in orders]:
            await self._forget(name, "order.lifted", _PEOPLE)
        for name, order in orders.items():
            if known := self._standing.get(name):
                self._standing[name] = replace(known, order=order)
                if known.order is None:  # another process knew it first
                    await self._apply(self._standing[name], _PEOPLE)
            else:
                await self._begin(Standing(name, self._clock.now(), order=order), "order.made", _PEOPLE)

    # logins
    def may_send(self, login: str) -> bool:
        """Whether a login that was right when its session began still is."""
        return self._enabled is None or address.key(login) in self._enabled or self._others(login)

    async def users_changed(self, enabled: frozenset[str] | None) -> None:
        """Who is not among them (disabled, or not there any more) has what waits of them held, and is signed out."""
        before, self._enabled = self._enabled, enabled
        await self._sign_out(before, enabled)
        if enabled is None:
            return
        waiting = {address.key(login): login for login in await self._store.logins()}
        gone = {
            name: waiting.get(name, name)
            for name in waiting.keys() | (before or frozenset())
            if name not in enabled and not self._others(name)
        }
        known = [n.removeprefix(DISABLED) for n in self._standing if n.startswith(DISABLED)]
        for name in [DISABLED + n for n in known if n in enabled or self._others(n)]:
            await self._forget(name, "login.enabled", _USERS)
        for name, login in gone.items():
            if DISABLED + name not in self._standing:
                standing = Standing(DISABLED + name, self._clock.now(), login)
                await self._begin(standing, "login.disabled", _USERS)

    async def _sign_out(self, before: frozenset[str] | None, enabled: frozenset[str] | None) -> None:
        """Who is enabled no more; where logins are another server's from now on, everybody of the file."""
        if enabled is None and before is None:
            return
        for name in await self._store.password_logins():
            if enabled is None or not (name in enabled or self._others(name)):
                await self._store.close_logins(name)

    # frozen
    def frozen(self, name: str) -> bool:
        return FROZEN + name in self._standing

    @property
    def all_frozen(self) -> list[Standing]:
        """Every payer of a quota of whom nothing is accepted."""
        return [standing for name, standing in self._standing.items() if name.startswith(FROZEN)]

    def freeze(self, name: str, login: str, why: str) -> None:
        """At once here, durable soon after: nothing more of this payer, and what waits of it waits for a person."""
        if self.frozen(name):
            return
        standing = Standing(FROZEN + name, self._clock.now(), login, why)
        self._standing[standing.name] = standing
        self._log.frozen(name, why)
        self._tasks.spawn(self._freeze(standing))

    async def thaw(self, name: str, by: Actor) -> bool:
        """Accept of this payer again; what is held stays held. False: it was not frozen."""
        if not self.frozen(name):
            return False
        await self._forget(FROZEN + name, "identity.thawed", by)
        self._log.thawed(name, by)
        return True

    async def load(self, login: str) -> Load:
        return await self._store.load(login)

    async def _freeze(self, standing: Standing) -> None:
        """It is frozen here already: a store that is busy or full delays only what outlives the process."""
        data = {"about": "identity.frozen", "name": standing.about, "why": sayings.pack(standing.why)}
        alerts = self._alerts(data)
        try:
            # failpoint: curbs.freezing
            await self._patiently(lambda: self._remember(standing, "identity.frozen", _QUOTA, *alerts))
            # failpoint: curbs.frozen
            await self._patiently(lambda: self._apply(standing, _QUOTA))
        except Exception as error:
            self._log.failure("freeze", error)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        await patiently(work, TemporaryFailure, PATIENCE, self._clock.sleep)

    # all of them
    async def _begin(self, standing: Standing, event: str, by: Actor) -> None:
        """Here first, so that `stricter` knows; then remembered; then applied. If that fails, it has not begun."""
        self._standing[standing.name] = standing
        try:
            await self._remember(standing, event, by)
            await self._apply(standing, by)
        except BaseException:
            self._standing.pop(standing.name, None)
            raise

    async def _remember(self, standing: Standing, event: str, by: Actor, *alerts: NewNotice) -> None:
        value = {"since": standing.since.isoformat(), "login": standing.login, "why": sayings.pack(standing.why)}
        await self._store.remember(standing.name, value, event=event, by=by, now=self._clock.now(), notices=alerts)
        self._kept |= {standing.name}

    async def _apply(self, standing: Standing, by: Actor) -> None:
        now = self._clock.now()
        curb = self._reasons.curb(standing, now)
        if curb is None:
            return
        for queue_id in await self._store.curb(curb, by=by, now=now):
            self._log.held(queue_id, [curb.rule], by, curb.expires_at)
        self._wake()

    async def _forget(self, name: str, event: str, by: Actor) -> None:
        await self._store.remember(name, None, event=event, by=by, now=self._clock.now())
        self._standing.pop(name, None)
        self._kept -= {name}


def _standing(name: str, value: Mapping[str, Any]) -> Standing:
    return Standing(
        name, datetime.fromisoformat(value["since"]), value.get("login", ""), sayings.unpack(value.get("why", ""))
    )


def _curbed(mail: NewMail, curb: Curb) -> NewMail:
    """As the store does it to what it has already."""
    login = address.key(mail.identity.login)
    if curb.login is not None and address.key(curb.login) != login:
        return mail
    scope = curb.scope(address.key(mail.identity.address), frozenset(address.key(d.address) for d in mail.deliveries))
    if scope is None or any(hold.rule == curb.rule for hold in mail.verdict.holds):
        return mail
    holds = (*mail.verdict.holds, curb.hold(scope))
    verdict = replace(mail.verdict, action=max(mail.verdict.action, Action.HOLD), holds=holds)
    return replace(mail, verdict=verdict, notices=(*mail.notices, *curb.notices(mail.queue_id, mail.answers)))
