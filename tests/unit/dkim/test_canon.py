"""The relaxed form, held against dkimpy's, however the body is cut into pieces."""

import hashlib

import pytest
from dkim.canonicalization import Relaxed
from hypothesis import example, given
from hypothesis import strategies as st

from mailguard.dkim.canon import BodyHash, relaxed
from mailguard.mail import fields

words = st.sampled_from([b" ", b"  ", b"\t", b"\r\n", b"\r\n\r\n", b"x", b"Hello", b".", b"\xff", b" \t \r\n", b"\r"])
cut_body = st.lists(st.lists(words, max_size=6).map(b"".join), max_size=8)


def digest(pieces: list[bytes]) -> bytes:
    seen = BodyHash()
    for piece in pieces:
        seen.update(piece)
    return seen.digest()


@given(cut_body)
@example([b"a \r", b"\nb"])
@example([b"a", b" ", b"\t", b" \r\n", b"\r", b"\n", b"\r\n"])
@example([b" ", b"\r\n"])
@example([b"x \r"])
def test_a_body_has_the_hash_that_dkimpy_gives_it(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    on_the_wire = body if not body or body.endswith(b"\r\n") else body + b"\r\n"  # as the courier ends it
    assert digest(pieces) == hashlib.sha256(Relaxed.canonicalize_body(on_the_wire)).digest()


def test_a_megabyte_of_blanks_and_line_ends_is_hashed_without_being_kept() -> None:
    seen = BodyHash()
    for _ in range(64):
        seen.update(b"\r\n" * 4096 + b" " * 8192)
        assert len(seen._held) <= 2
    seen.update(b"\r\nend")
    lines = b"\r\n" * 4096 * 64
    expected = (lines[: 4096 * 2] + (b" " + lines[: 4096 * 2]) * 63).replace(b" \r\n", b"\r\n") + b"\r\nend\r\n"
    assert seen.digest() == hashlib.sha256(expected).digest()


@pytest.mark.parametrize("value", [b" a  b", b"a\t\r\n\t b \r\n ", b"", b"\r\n folded", b"\xff =?x?= "])
def test_a_field_is_what_dkimpy_makes_of_it(value: bytes) -> None:
    head = b"SubJect \t:" + value + b"\r\n"
    (field,) = fields.fields(head, 0, len(head))
    ((name, said),) = Relaxed.canonicalize_headers([(b"SubJect \t", value + b"\r\n")])
    assert relaxed(head, field) == name + b":" + said
