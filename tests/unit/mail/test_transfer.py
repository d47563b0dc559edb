"""What is decoded of base64, well-formed or not."""

import base64
import binascii
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.mail import transfer

TEXT = st.lists(st.sampled_from([*"ABwz09+/=", "==", "\r\n", "-", " ", "QUJD"]), max_size=40).map("".join)


@given(TEXT)
@settings(max_examples=1000, deadline=None)
def test_pieces_behind_each_other_are_each_decoded_whatever_stands_between(text: str) -> None:
    runs = re.findall(r"[^=]+", re.sub(r"[^A-Za-z0-9+/=]", "", text))
    whole = [run[:-1] if len(run) % 4 == 1 else run for run in runs]
    expected = b"".join(binascii.a2b_base64(run + "=" * (-len(run) % 4)) for run in whole)
    assert transfer.decode(text.encode(), 0, len(text), "base64", 1000) == expected


@given(st.binary(max_size=300_000 // 64), st.integers(1, 64), st.integers(0, 400_000))
@settings(max_examples=60, deadline=None)
def test_what_is_longer_than_a_piece_is_decoded_without_a_seam(some: bytes, times: int, limit: int) -> None:
    data = some * times
    raw = base64.encodebytes(data).replace(b"\n", b"\r\n")
    assert transfer.decode(raw, 0, len(raw), "base64", limit) == data[:limit]
    assert transfer.size(raw, 0, len(raw), "base64") == len(data)
