"""A login's second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost."""

import hmac
import secrets
from base64 import b32encode
from dataclasses import dataclass, field

import pyotp

from mailguard import tokens
from mailguard.clock import Clock
from mailguard.mail import address
from mailguard.records import Actor, Factor
from mailguard.store.base import Store

PERIOD = 30  # seconds
SKEW = 1  # steps that the app's clock may be early or late
WRONG = 20  # codes in a row after which only a recovery code helps, or another enrolment
_CODES, _PARTS = 10, 4


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The one time that these are seen."""

    uri: str = field(repr=False)  # otpauth://, for the app
    recovery: tuple[str, ...] = field(repr=False)


class Factors:
    """Proofs are by compare-and-set: a code is good once, whoever sends it twice at the same time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def enrol(self, name: str, issuer: str, by: Actor) -> Enrolled:
        """Another one instead of what there was. `issuer` is what the app shows beside the name."""
        who, secret = address.key(name), pyotp.random_base32()
        recovery, digests = _recoveries(who)
        await self._store.set_factor(who, secret, digests, by=by, now=self._clock.now())
        return Enrolled(self.uri(name, issuer, secret), recovery)

    async def secret(self, name: str) -> str:
        """Of the factor there is; '' for none."""
        found = await self._store.factor(address.key(name))
        return found.secret if found else ""

    async def confirm(self, name: str, secret: str, step: int, before: str, by: Actor) -> tuple[str, ...] | None:
        """Its recovery codes; None when what there was is not `before` any more. The code of `step` is used up."""
        who = address.key(name)
        recovery, digests = _recoveries(who)
        new = Factor(who, secret, step, 0, digests)
        done = await self._store.confirm_factor(new, before, by=by, now=self._clock.now())
        return recovery if done else None

    def uri(self, name: str, issuer: str, secret: str) -> str:
        """For the app."""
        return pyotp.TOTP(secret, interval=PERIOD).provisioning_uri(name=name, issuer_name=issuer)

    async def remove(self, name: str, by: Actor) -> bool:
        return await self._store.drop_factor(address.key(name), by=by, now=self._clock.now())

    async def wrong(self, name: str, code: str) -> str:
        """'' for a code of now that was not used yet, or for a recovery code; else why not, for the record."""
        who = address.key(name)
        found = await self._store.factor(who)
        if found is None:
            return "no second factor is enrolled"
        said = _bare(code)
        if await self._store.use_recovery(who, _digest(who, said)):
            return ""
        step = self.step(found.secret, said)
        if step is not None and await self._store.use_step(who, step, WRONG):
            return ""
        why = "a code that was used already" if step is not None and step <= found.step else "a wrong code"
        count = await self._store.wrong_factor(who)
        return f"too many wrong codes: enrol again with mailguard user totp {name}" if count >= WRONG else why

    def step(self, secret: str, code: str) -> int | None:
        """The half minute that this is the code of."""
        code = _bare(code)
        totp, now = pyotp.TOTP(secret, interval=PERIOD), int(self._clock.now().timestamp()) // PERIOD
        steps = range(now - SKEW, now + SKEW + 1)
        fits = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())]
        return max(fits, default=None)


def _recoveries(name: str) -> tuple[tuple[str, ...], frozenset[bytes]]:
    """Fresh ones, and what is kept of them."""
    codes = tuple(_recovery() for _ in range(_CODES))
    return codes, frozenset(_digest(name, code) for code in codes)


def _bare(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _recovery() -> str:
    """80 random bits, in letters and digits that are not mistaken for each other."""
    text = b32encode(secrets.token_bytes(10)).decode().lower()
    size = len(text) // _PARTS
    return "-".join(text[at : at + size] for at in range(0, len(text), size))


def _digest(name: str, code: str) -> bytes:
    return tokens.digest(f"recovery:{name}:{code.replace('-', '')}")
