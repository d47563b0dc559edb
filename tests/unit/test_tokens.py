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


def test_app_passwords_are_distinct_and_easy_to_copy() -> None:
    seen = {tokens.new_app_password() for _ in range(200)}
    assert len(seen) == 200
    assert all(re.fullmatch(r"([a-km-np-z2-9]{4}-){6}[a-km-np-z2-9]{4}", secret) for secret in seen)
    assert all(map(tokens.like_app_password, seen))


def test_an_app_password_is_the_same_however_it_is_typed_and_one_persons() -> None:
    typed = ("abcd-efgh-ijkm-npqr-stuv-wxyz-2345", "ABCDEFGHIJKMNPQRSTUVWXYZ2345", " abcd efgh ijkmnpqrstuvwxyz 2345 ")
    assert all(map(tokens.like_app_password, typed))
    assert len({tokens.app_password_digest("ann@corp.example", one) for one in typed}) == 1
    assert tokens.app_password_digest("bob@corp.example", typed[0]) != tokens.app_password_digest("ann@", typed[0])
    for other in ("", "secret", "a" * 27, "a" * 29, "l" * 28, "\udcff" * 28):
        assert not tokens.like_app_password(other)
