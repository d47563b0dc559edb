"""What the SMTP server asks of those who know who may send at all; `curbs.Curbs` is one."""

from typing import Protocol

from mailguard.store.base import Load


class Warden(Protocol):
    """Frozen identities and disabled logins, and what a login has waiting."""

    def frozen(self, name: str) -> bool:
        """Nothing is accepted of this payer of a quota ('login ann', 'listener HOST:PORT')."""

    def freeze(self, name: str, login: str, why: str) -> None:
        """From now on nothing is; what waits of this login is held. At once, and durable soon after."""

    def may_send(self, login: str) -> bool:
        """False for a login that was disabled while its session went on."""

    async def load(self, login: str) -> Load:
        """What waits of this login."""


class NoWarden:
    """Everybody may send."""

    def frozen(self, name: str) -> bool:  # noqa: ARG002 - the protocol's
        return False

    def freeze(self, name: str, login: str, why: str) -> None:
        pass

    def may_send(self, login: str) -> bool:  # noqa: ARG002
        return True

    async def load(self, login: str) -> Load:  # noqa: ARG002
        return Load(0, 0)
