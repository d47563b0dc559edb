"""Byte-range surgery on a message's header: what is not edited stays as it is, byte for byte."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prepend:
    """A new field above all others (Received, Date, Message-ID); `value` is already folded."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Every field of this name goes (Bcc)."""

    name: str


@dataclass(frozen=True, slots=True)
class AddCc:
    """One more address in Cc; the field is made when there is none."""

    address: str


@dataclass(frozen=True, slots=True)
class Drop:
    """One address leaves To and Cc."""

    address: str


Edit = Prepend | Remove | AddCc | Drop
