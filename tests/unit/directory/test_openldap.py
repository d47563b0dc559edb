"""A real OpenLDAP server: who is found in it, and what is said when it does not answer as it should."""

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mailguard.directory import client
from mailguard.directory.entry import Entry
from mailguard.directory.words import NoAnswer
from tests.slapd import BASE, CURBED, Slapd, group, person
from tests.unit.directory.server import known, settings

pytestmark = pytest.mark.clients("slapd")

FIRM = (
    person("Cleo", "ceo@corp.example", "displayName: Cleo Chief", "title: Chief Executive Officer",
           f"secretary: cn=Pat,ou=people,{BASE}", f"manager: cn=Chair,ou=people,{BASE}",
           "proxyAddresses: SMTP:ceo@corp.example", "proxyAddresses: smtp:cleo@corp.example",
           "proxyAddresses: X400:c=us;a= ;p=corp"),
    person("Chair", "chair@corp.example"),
    person("Pat", "pat@corp.example"),
    person("Fin", "cfo@corp.example", "mail: fin@corp.example", f"manager: CN=cleo , OU=People,{BASE}"),
    person("Nomail"),
    group("Executives", "Cleo", f"cn=Board,ou=groups,{BASE}"),
    group("Board", "Chair", f"cn=Executives,ou=groups,{BASE}"),
    group("Finance", "Fin", "Nomail", mail="finance@corp.example"),
    group("All", f"cn=Finance,ou=groups,{BASE}", f"cn=Board,ou=groups,{BASE}", f"cn=kim,ou=contacts,{BASE}",
          mail="all@corp.example"),
    f"dn: ou=contacts,{BASE}\nobjectClass: organizationalUnit\nou: contacts\n",
    f"dn: cn=kim,ou=contacts,{BASE}\nobjectClass: organizationalRole\nobjectClass: mailbox\nmail: kim@client.example\n",
)  # fmt: skip


@pytest.fixture
def firm(slapd: Slapd) -> Slapd:
    slapd.load(*FIRM)
    slapd.start()
    return slapd


def refusal(server: Slapd, **changes: object) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        known(server, **changes)
    assert caught.value.help
    return caught.value


def test_people_are_who_they_are_there(firm: Slapd) -> None:
    persons = {person.address: person for person in known(firm).directory.persons}
    assert sorted(persons) == ["ceo@corp.example", "cfo@corp.example", "chair@corp.example", "pat@corp.example"]
    cleo = persons["ceo@corp.example"]
    assert (cleo.name, cleo.title) == ("Cleo Chief", "Chief Executive Officer")
    assert cleo.aliases == ("cleo@corp.example",)
    assert cleo.manager == "chair@corp.example"
    assert cleo.assistant is not None
    assert cleo.assistant.address == "pat@corp.example"
    assert persons["cfo@corp.example"].aliases == ("fin@corp.example",)
    assert persons["cfo@corp.example"].manager == "ceo@corp.example"  # written in another case, with other spaces


def test_groups_within_groups_are_unfolded_also_in_a_circle(firm: Slapd) -> None:
    groups = known(firm).directory.groups
    assert groups["executives"] == groups["board"] == ("ceo@corp.example", "chair@corp.example")
    assert groups["finance"] == ("cfo@corp.example",)


def test_groups_with_an_address_are_lists_and_know_contacts_outside(firm: Slapd) -> None:
    assert known(firm).directory.lists == {
        "finance@corp.example": ("cfo@corp.example",),
        "all@corp.example": ("ceo@corp.example", "chair@corp.example", "finance@corp.example", "kim@client.example"),
    }


def test_a_group_that_the_filter_leaves_out_is_followed_all_the_same(firm: Slapd) -> None:
    found = known(firm, groups={"filter": "(cn=executives)"})
    assert found.directory.groups == {"executives": ("ceo@corp.example", "chair@corp.example")}


@pytest.mark.clients("ldapmodify")
def test_what_people_say_of_their_groups_counts_where_members_are_hidden(firm: Slapd) -> None:
    firm.change(group("Legal", "Pat"))  # the server writes memberOf itself, at runtime
    found = known(firm, groups={"members": ["seeAlso"]})
    assert found.directory.groups["legal"] == ("pat@corp.example",)


def test_starttls_and_tls_with_a_certificate_that_fits(firm: Slapd) -> None:
    plain = known(firm)
    implicit = known(firm, url=firm.tls_url, ca_file=firm.ca_file)
    starttls = known(firm, url=f"ldap://localhost:{firm.port}", starttls=True, ca_file=firm.ca_file)
    assert implicit.directory == starttls.directory == plain.directory


def test_a_certificate_of_nobody_we_trust_is_refused(firm: Slapd) -> None:
    for changes in ({"url": firm.tls_url}, {"url": f"ldap://localhost:{firm.port}", "starttls": True}):
        error = refusal(firm, **changes)
        assert "certificate of localhost" in str(error)
        assert error.mistake


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server = Slapd(tmp_path / "slapd", name="ldap.else.example")
    server.load(*FIRM)
    server.start()
    try:
        error = refusal(server, url=server.tls_url, ca_file=server.ca_file)
        assert "not accepted: Hostname mismatch" in str(error)
        assert error.mistake
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong"}, "does not accept bind and password"),
        ({"bind": f"cn=nobody,{BASE}"}, "does not accept bind and password"),
        ({"base": "dc=else,dc=example"}, "no entry of the name"),
        ({"filter": "(&(x)(=))"}, "not an LDAP filter"),
        ({"filter": "(cn=no such person)"}, "knows nobody"),
        ({"bind": None, "password": None}, "may not read"),
        ({"limit": 5}, "more than 5 people and groups"),
    ],
)
def test_what_somebody_must_put_right_is_said_in_words(firm: Slapd, changes: dict[str, object], words: str) -> None:
    error = refusal(firm, **changes)
    assert words in str(error)
    assert error.mistake
    assert "s3cret" not in str(error)


def test_a_server_that_is_not_there_may_come_back(firm: Slapd) -> None:
    firm.stop()
    error = refusal(firm)
    assert "Connection refused" in str(error)
    assert not error.mistake
    firm.start()
    assert known(firm).directory.persons


def test_more_than_a_page_is_read_whole(slapd: Slapd) -> None:
    slapd.load(*(person(f"p{number}", f"p{number}@corp.example") for number in range(1203)))
    slapd.start()
    assert len(known(slapd).directory.persons) == 1203


def test_a_part_of_the_people_is_no_answer(slapd: Slapd) -> None:
    slapd.load(*(person(f"p{number}", f"p{number}@corp.example") for number in range(20)))
    slapd.start()
    error = refusal(slapd, bind=CURBED)
    assert "size limit" in str(error)
    assert error.mistake


def test_references_to_other_servers_are_not_followed(slapd: Slapd) -> None:
    with listening() as (port, visits):
        elsewhere = f"ldap://127.0.0.1:{port}/ou=else,{BASE}"
        slapd.load(
            person("Ann", "ann@corp.example"),
            f"dn: ou=else,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: else\nref: {elsewhere}\n",
            group("Some", "Ann", f"cn=x,ou=else,{BASE}"),
        )
        slapd.start()
        found = known(slapd)
    assert [person.address for person in found.directory.persons] == ["ann@corp.example"]
    assert found.directory.groups == {"some": ("ann@corp.example",)}
    assert visits == []


ODD = r"Doe\, Ann \2B \22x\22 *)(mail=*) \5C \C5\BB#"


def test_odd_names_stay_names(slapd: Slapd) -> None:
    plain = 'Doe, Ann + "x" *)(mail=*) \\ Ż#'
    ann, inner = f"cn={ODD},ou=people,{BASE}", f"cn=in {ODD},ou=groups,{BASE}"
    slapd.load(
        encoded(person("Ann", "ann@corp.example"), f"cn=Ann,ou=people,{BASE}", ann, "cn: Ann", f"cn: {plain}"),
        person("Ben", "ben@corp.example", f"manager: {ann}"),
        group("Odd", ann, inner),
        encoded(group("x", "Ben"), f"cn=x,ou=groups,{BASE}", inner, "cn: x", f"cn: in {plain}"),
    )
    slapd.start()
    found = known(slapd, groups={"filter": "(cn=Odd)"})
    assert found.directory.groups == {"odd": ("ann@corp.example", "ben@corp.example")}
    assert {person.manager for person in found.directory.persons} == {None, "ann@corp.example"}
    assert found.warnings == ()


def encoded(entry: str, *changes: str) -> str:
    """Replaced by pairs, with the value in base64 where LDIF asks for that."""
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        entry = entry.replace(old, new)
    lines = []
    for line in entry.splitlines():
        name, _, value = line.partition(": ")
        lines.append(line if value.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode()}")
    return "\n".join([*lines, ""])


def test_a_name_in_a_filter_is_only_a_name(firm: Slapd) -> None:
    """Active Directory is asked with a group's DN in a filter: it must not become a part of the filter."""
    session = client.Session(client._library(), settings(firm), time.monotonic)
    try:
        for dn in ("*", "x)(mail=*", "a)(|(cn=*)", "\\2a", "x\0)(cn=*"):
            wanted = f"(&(objectClass=person)(cn={session._escaped(dn)}))"
            assert list(session._search(BASE, wanted, ("cn",))) == []
    finally:
        session.close()


def test_active_directory_is_asked_to_follow_groups_itself(firm: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenLDAP does not know that rule and finds nobody by it, but it must understand the question."""
    asked: list[str] = []
    search = client.Session._search

    def watched(session: client.Session, base: str, wanted: str, *more: Any) -> Iterator[Entry]:
        asked.append(wanted)
        return search(session, base, wanted, *more)

    monkeypatch.setattr(client.Session, "_search", watched)
    monkeypatch.setattr(client.Session, "_is_active_directory", lambda _: True)
    firm.load(*FIRM, group("Odd *)(mail=*)", f"cn=elsewhere,{BASE}"))
    assert known(firm).directory.groups["odd *)(mail=*)"] == ()
    chains = [wanted for wanted in asked if "1.2.840.113556.1.4.1941" in wanted]
    assert len(chains) == 1  # the lists are looked up for their addresses, all others are known
    assert r":=cn=Odd \2a\29\28mail" in chains[0]


@contextmanager
def listening(answer: bytes = b"") -> Iterator[tuple[int, list[str]]]:
    """Something that accepts connections and is no LDAP server; who came."""
    visits: list[str] = []
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    visitor, where = server.accept()
                except OSError:
                    return
                visits.append(str(where))
                held.append(visitor)
                if answer:
                    visitor.recv(1000)
                    visitor.sendall(answer)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], visits
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for one in held:
            one.close()


def test_a_server_that_never_answers_is_left_in_time(firm: Slapd) -> None:
    with listening() as (port, _):
        began = time.monotonic()
        for url in (f"ldap://127.0.0.1:{port}", f"ldaps://127.0.0.1:{port}"):
            error = refusal(firm, url=url, timeout="1s")
            assert not error.mistake
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad\r\n\r\n", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01\x01", bytes(64)]
)
def test_what_is_no_ldap_is_no_answer(firm: Slapd, answer: bytes) -> None:
    with listening(answer) as (port, _):
        assert not refusal(firm, url=f"ldap://127.0.0.1:{port}", timeout="1s").mistake
