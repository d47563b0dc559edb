"""DNs are the same however they are written, and different when they are not the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.directory.entry import dn_key, is_dn

SAME = [
    ("CN=Ann,OU=People,DC=corp", "cn=ann, ou=people , dc=corp"),
    (r"cn=Doe\, Ann,o=x", r"cn=doe\2c ann,o=x"),
    (r"cn=Doe\, Ann,o=x", 'cn="Doe, Ann",o=x'),
    ("cn=a+uid=1,o=x", "UID=1+CN=A,o=x"),
    (r"cn=\C5\BB\C3\B3\C5\82w,o=x", "cn=Żółw,o=x"),
    (r"cn=a\#b,o=x", "cn=a#b,o=x"),
]
OTHER = [
    (r"cn=Doe\, Ann,o=x", "cn=Doe,Ann,o=x"),
    (r"cn=a\+uid\=1,o=x", "cn=a+uid=1,o=x"),
    ("cn=a,o=x", "cn=a,o=y"),
    (r"cn=a\\,o=x", "cn=a,o=x"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_ways_of_writing_do_not_count(one: str, other: str) -> None:
    assert dn_key(one) == dn_key(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_is_escaped_is_no_separator(one: str, other: str) -> None:
    assert dn_key(one) != dn_key(other)


@given(st.text(alphabet='abA=,+;\\" #2cż\0', max_size=40))
def test_whatever_is_written_has_a_form(text: str) -> None:
    assert dn_key(text) == dn_key(text.upper()) or not text.isascii() or "\\" in text
    assert is_dn(text) in (True, False)
