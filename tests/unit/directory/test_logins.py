"""Logins that a real OpenLDAP server knows."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.directory.entry import dn_key
from mailguard.directory.logins import asker, in_dn
from mailguard.directory.settings import LdapLogins
from mailguard.directory.words import NoAnswer
from tests.slapd import BASE, Slapd, person
from tests.unit.directory.server import settings

pytestmark = pytest.mark.clients("slapd")

ANN = ("ann@corp.example", "office@corp.example")
ODD = "o, dd+1#"
FIRM = (
    person("Ann", ANN[0], "uid: ann", "userPassword: s3cret ł", "proxyAddresses: smtp:office@corp.example",
           "proxyAddresses: smtp:no address"),
    person("Bob", "bob@corp.example", "uid: bob"),
    person("Twin", "twin@corp.example", "uid: twin", "userPassword: same"),
    person("Twin2", "twin2@corp.example", "uid: twin", "userPassword: same"),
    person("Nomail", "", "uid: nomail", "userPassword: same"),
    "\n".join([
        f"dn: cn=o\\2C dd\\2B1\\23,ou=people,{BASE}", "objectClass: inetOrgPerson", f"cn: {ODD}", "sn: odd",
        "mail: odd@corp.example", "userPassword: same", "",
    ]),
)  # fmt: skip


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("slapd"), self_read=True, extra="allow bind_anon_cred bind_anon_dn")
    server.load(*FIRM)
    server.start()
    yield server
    server.stop()


def says_yes_to_nobody(server: Slapd) -> bool:
    """The trap: a bind with Ann's DN and no password succeeds."""
    dn = f"cn=Ann,ou=people,{BASE}".encode()
    bind = b"\x02\x01\x03\x04" + bytes([len(dn)]) + dn + b"\x80\x00"
    message = b"\x02\x01\x01\x60" + bytes([len(bind)]) + bind
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(b"\x30" + bytes([len(message)]) + message)
        return link.recv(100)[7:10] == b"\x0a\x01\x00"  # resultCode success (0)


def log_in(
    server: Slapd, name: str, password: str, dn: str | None = None, said: dict[str, Any] | None = None
) -> tuple[str, ...] | None:
    """`said`: of directory.ldap, otherwise than usual."""

    async def asked() -> tuple[str, ...] | None:
        ask = asker(settings(server, **(said or {})), time.monotonic)
        assert ask
        how = LdapLogins(dn=dn) if dn else LdapLogins()
        return await ask(how, name, password)

    return asyncio.run(asked())


def test_who_is_let_in_there_has_the_addresses_that_stand_there(firm: Slapd) -> None:
    assert log_in(firm, "ann", "s3cret ł") == ANN
    assert log_in(firm, "ANN@corp.example", "s3cret ł") == ANN
    assert log_in(firm, "ann", "s3cret ł", said={"url": firm.tls_url, "ca_file": firm.ca_file}) == ANN


@pytest.mark.parametrize("name", ["ann", "nobody", "bob", "nomail", "*", "ann)(uid=*", "a*", "", "ann\\2a", "Ann,x=y"])
def test_a_wrong_password_and_a_name_that_is_none_are_let_in_nowhere(firm: Slapd, name: str) -> None:
    assert log_in(firm, name, "guess") is None
    assert log_in(firm, name, "guess", f"cn={{name}},ou=people,{BASE}") is None


@pytest.mark.parametrize("password", ["", "\u00ad", "\u00ad\u200b"])
def test_no_password_is_no_password_although_this_server_takes_it(firm: Slapd, password: str) -> None:
    """RFC 4513 §5.1.2; soft hyphens are nothing after SASLprep (RFC 4013)."""
    assert says_yes_to_nobody(firm)
    assert log_in(firm, "ann", password) is None
    assert log_in(firm, "Ann", password, f"cn={{name}},ou=people,{BASE}") is None


def test_the_dn_can_be_made_of_the_name_without_a_search_or_an_account_of_ours(firm: Slapd) -> None:
    dn, nobody = f"cn={{name}},ou=people,{BASE}", {"bind": None, "password": None}
    assert log_in(firm, "Ann", "s3cret ł", dn, said=nobody) == ANN
    assert log_in(firm, ODD, "same", dn, said=nobody) == ("odd@corp.example",)
    assert log_in(firm, "Nomail", "same", dn, said=nobody) == ()


def test_of_two_people_with_one_name_nobody_can_tell_who_it_is(firm: Slapd) -> None:
    with pytest.raises(NoAnswer, match="2 people log in as 'twin'"):
        log_in(firm, "twin", "same")


def test_a_directory_that_is_down_or_that_nobody_trusts_says_nothing(firm: Slapd) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for changes in (
            {"url": f"ldap://127.0.0.1:{taken.getsockname()[1]}"},
            {"url": firm.tls_url},
            {"password": "not ours"},
            {"base": "dc=nowhere,dc=example"},
        ):
            with pytest.raises(NoAnswer):
                log_in(firm, "ann", "s3cret ł", said=changes)


def test_a_directory_that_hangs_is_left_after_a_while(firm: Slapd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            log_in(
                firm, "ann", "s3cret ł", said={"url": f"ldap://127.0.0.1:{silent.getsockname()[1]}", "timeout": "1s"}
            )
        assert time.monotonic() - began < 10


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_whatever_the_name_is_it_stays_one_value_of_the_dn(name: str) -> None:
    assert dn_key(f"cn={in_dn(name)},dc=x").count(",dc=x") == 1
    assert not any(c in in_dn(name) for c in ',+"<>;=#')
    assert in_dn("Ann Łoś") == "Ann Łoś"
