"""A stamp fits the words and recipients it was made for, for two days, by keys of ours; nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.stamp import FRESH, BodyHash, Handed, Stamps, StampSettings, body_hash

NOW = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
ABOUT = Handed.of("<1@corp.example>", body_hash(b"Hello\r\n"), ["kim@client.example", "mo@rival.example"])
ID = "0TSZXW0K1ABCD"
NEW, OLD, OTHER = "n" * 64, "o" * 64, "x" * 64


def stamps(key: str = NEW, old: str | None = None) -> Stamps:
    return Stamps(StampSettings.model_validate({"key": key, "old_key": old}))


STAMP = stamps().make(ID, ABOUT, NOW).encode()


def test_a_stamp_is_known_again() -> None:
    assert stamps().known([b" " + STAMP + b"\r\n"], ABOUT, NOW) == ID


def test_recipients_are_mailboxes_in_any_order_and_spelling() -> None:
    same = Handed.of(ABOUT.message_id, ABOUT.body, ["Mo@RIVAL.example", "kim@client.example", "kim@client.example"])
    assert stamps().known([STAMP], same, NOW) == ID


def test_a_notice_has_a_stamp_without_a_queue_id() -> None:
    assert stamps().known([stamps().make("", ABOUT, NOW).encode()], ABOUT, NOW) == "-"


@pytest.mark.parametrize(
    "other",
    [
        Handed.of("<2@corp.example>", ABOUT.body, ABOUT.recipients),
        Handed.of(ABOUT.message_id, body_hash(b"Hello!\r\n"), ABOUT.recipients),
        Handed.of(ABOUT.message_id, ABOUT.body, [*ABOUT.recipients, "eve@evil.example"]),
        Handed.of(ABOUT.message_id, ABOUT.body, ["kim@client.example"]),
        Handed.of(ABOUT.message_id, ABOUT.body, ["kim@client.example", "eve@evil.example"]),
        Handed.of(ABOUT.message_id + "kim@client.example", ABOUT.body, ["mo@rival.example"]),
    ],
    ids=["message id", "body", "recipient more", "recipient less", "recipient changed", "parts moved"],
)
def test_it_is_for_nothing_else(other: Handed) -> None:
    assert stamps().known([STAMP], other, NOW) == ""


@pytest.mark.parametrize(
    ("later", "known"),
    [(FRESH, True), (FRESH + timedelta(seconds=1), False), (-timedelta(minutes=4), True), (-timedelta(hours=1), False)],
)
def test_it_is_fresh_for_two_days(later: timedelta, known: bool) -> None:
    assert bool(stamps().known([STAMP], ABOUT, NOW + later)) is known


def test_two_keys_are_good_at_once() -> None:
    assert stamps(OLD, NEW).known([STAMP], ABOUT, NOW) == ID
    assert stamps(OLD).known([STAMP], ABOUT, NOW) == ""
    assert stamps(OLD, NEW).make(ID, ABOUT, NOW) == stamps(OLD).make(ID, ABOUT, NOW)


@pytest.mark.parametrize(
    "field",
    [
        b"", b"v=1", STAMP[:-1], STAMP + b"0", STAMP.replace(b"v=1", b"v=2"), STAMP.upper(), b"\xff" + STAMP,
        STAMP.replace(ID.encode(), b"0TSZXW0K1ABCE"), STAMP.replace(b"t=1", b"t=2"),
        STAMP.replace(b"t=1", b"t=99999999999"),
        stamps(OTHER).make(ID, ABOUT, NOW).encode(),
    ],
)  # fmt: skip
def test_what_somebody_else_writes_is_no_stamp(field: bytes) -> None:
    assert stamps(NEW, OLD).known([field], ABOUT, NOW) == ""
    assert stamps(NEW, OLD).known([field, STAMP], ABOUT, NOW) == ID  # and hides none of ours


@given(st.binary(max_size=200))
def test_any_bytes_are_no_stamp(field: bytes) -> None:
    assert stamps().known([field], ABOUT, NOW) == ""


def test_without_a_key_nothing_is_known() -> None:
    assert not Stamps()
    assert Stamps().known([STAMP], ABOUT, NOW) == ""


@given(st.lists(st.binary(max_size=5)))
def test_a_body_has_one_hash_however_it_is_cut(pieces: list[bytes]) -> None:
    made = BodyHash()
    for piece in pieces:
        made.update(piece)
    whole = b"".join(pieces)
    ended = whole if (b"\r\n" + whole).endswith(b"\r\n") else whole + b"\r\n"
    assert made.digest() == body_hash(whole) == body_hash(ended)
