"""Tokens are unguessable, go anywhere a URL goes, and are never kept as they are."""

import re

from mailguard import tokens


def test_tokens_are_distinct_and_fit_into_a_url() -> None:
    seen = {tokens.new() for _ in range(200)}
    assert len(seen) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in seen)


def test_the_digest_is_sha256_and_does_not_contain_the_token() -> None:
    assert tokens.digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_digest_of_any_string_a_request_can_carry_is_made_without_an_error() -> None:
    assert len(tokens.digest("ż\udcff\x00")) == 32


def test_codes_are_six_digits_with_their_leading_zeros() -> None:
    codes = [tokens.code() for _ in range(2000)]
    assert all(re.fullmatch(r"\d{6}", code) for code in codes)
    assert any(code.startswith("0") for code in codes)
