"""What no room can see alone, and files that are not as they must be."""

import errno
import os
import socket
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from mailguard import config
from tests.unit.dkim.verifier import ED25519, RSA

from .conftest import Folder

OPEN = "{bind: '0.0.0.0:25', tls: none, auth: none"
LDAP = "{ldap: {url: 'ldaps://ldap.corp.example', base: 'dc=corp', "
OIDC, ISSUER = "{oidc: {client_id: mailguard, ", "issuer: 'https://sso.corp.example', "
OAUTH = "oauth: {issuer: 'https://sso.corp.example', audience: [m]"
CLEAR = "{ldap: {url: 'ldap://ldap.corp.example', base: 'dc=corp'}}"
CALENDAR = "{domains: [corp.example], calendar: {hours: 'Mon-Fri 08:00-18:00', "
DKIM = "[{domain: corp.example, selector: s, "
MX = "{mx: true, unsigned: true, routes: {"
HOP = '{smarthost: "a.example:587", username: u, '


def listening(rest: str) -> str:
    return f"{{hostname: mail.corp.example, listeners: [{OPEN}{rest}}}]}}"


# (changed sections, code, words)
ERRORS = [
    ({"notices": "{sender: m@else.example}"}, "MG404", "m@else.example is outside organization.domains"),
    ({"holds": "{fallback: p@else.example}"}, "MG404", "p@else.example is outside organization.domains"),
    ({"holds": "{fallback: Mailguard@corp.example}"}, "MG404", "is notices.sender too"),
    ({"holds": "{fallback: p@corp.example, expires: 0s}"}, "MG404", "holds.expires can't be nothing"),
    ({"holds": "{fallback: p@corp.example, calendar: office}"}, "MG404", "office: nobody said when that is"),
    ({"organization": CALENDAR + "holidays: none.ics}}"}, "MG101", "none.ics: there is no such file"),
    ({"organization": CALENDAR + "holidays: rules}}"}, "MG101", "rules: this is a folder, not a file"),
    ({"organization": CALENDAR + "holidays: good}}"}, "MG311", '"a" is not a day'),
    ({"organization": CALENDAR + "holidays: [2026-12-25, 2026-12-25]}}"}, "MG311", "a holiday already"),
    ({"organization": CALENDAR + "holidays: [Christmas]}}"}, "MG106", '"Christmas" is not a day'),
    ({"organization": CALENDAR + "holidays: 3}}"}, "MG106", "holidays must be"),
    ({"organization": "{domains: [corp.example], calendar: {hours: Mon-Fri}}"}, "MG106", "not a time of the week"),
    ({"retention": "{decisions: 59m}"}, "MG404", "forgotten while its client may still send it again (1h)"),
    ({"smtp": listening(", networks: [0.0.0.0/0]")}, "MG404", "0.0.0.0/0 is the whole internet"),
    ({"smtp": listening(", networks: ['::/0']")}, "MG404", "::/0 is the whole internet"),
    ({"smtp": listening(", networks: [10.0.0.0/15]")}, "MG404", "10.0.0.0/15 is too many machines to trust"),
    ({"smtp": listening(", networks: ['2001:db8::/31']")}, "MG404", "2001:db8::/31 is too many machines to trust"),
    ({"smtp": listening(", networks: [10.0.0.0/24], proxy_from: [10.0.0.0/8]")}, "MG404", "too many machines"),
    ({"smtp": "{listeners: [{bind: '127.0.0.1:2525', tls: none, auth: required}]}"}, "MG106", "in cleartext"),
    ({"smtp": "{listeners: [{bind: '127.0.0.1:2525', tls: starttls, auth: none}]}"}, "MG106", "certificate"),
    ({"next_hop": HOP + "password: x, tls: none}"}, "MG106", "in cleartext"),
    ({"next_hop": '{smarthost: "127.0.0.1:2525", tls: none}'}, "MG404", "is mailguard itself"),
    ({"next_hop": '{smarthost: "localhost:2525", tls: none}'}, "MG404", "is mailguard itself"),
    ({"next_hop": MX + 'a.example: {smarthost: "127.0.0.1:2525"}}}'}, "MG404", "in circles"),
    ({"next_hop": "{mx: true}"}, "MG404", "mail from corp.example would reach strangers without a DKIM signature"),
    ({"next_hop": HOP + "password: x, routes: {a.example: {mx: true}}}"}, "MG404", "without a DKIM signature"),
    ({"next_hop": '{smarthost: "a.example:587", unsigned: true}'}, "MG106", "unsigned speaks of mx: true only"),
    ({"dkim": "[{domain: corp, selector: s, key_file: rsa}]"}, "MG106", "'corp' is not a domain"),
    ({"dkim": "[{domain: corp.example, selector: s s, key_file: rsa}]"}, "MG106", "'s s' is not a selector"),
    ({"dkim": DKIM + "key_file: none}]"}, "MG402", "no such file"),
    ({"dkim": DKIM + "key_file: good}]"}, "MG402", "there is no private key in PEM in it"),
    ({"dkim": DKIM + "key_file: pipe}]"}, "MG402", "is a pipe, a socket or a device, and no file"),
    ({"dkim": DKIM + "key_file: rsa}, {domain: Corp.Example, selector: S, key_file: rsa}]"}, "MG404", "two keys are s"),
    ({"web": "{bind: '127.0.0.1:2525'}"}, "MG404", "web.bind and smtp.listeners.bind both listen on 127.0.0.1:2525"),
    ({"web": "{codes: false}"}, "MG106", "nobody could sign in"),
    ({"web": "{session: 1m}"}, "MG106", "session is between 5m and 30d"),
    ({"web": "{passwords: true}"}, "MG404", "there are no logins"),
    ({"web": "{passwords: true}", "smtp": "{users: {" + OAUTH + "}}}"}, "MG404", "there are no logins"),
    ({"smtp": "{users: {ldap: {}}}"}, "MG404", "no directory that could know logins"),
    ({"smtp": "{users: {ldap: {}}}", "directory": CLEAR}, "MG404", "in cleartext"),
    ({"smtp": "{users: {ldap: {dn: 'uid=ann,dc=corp'}}}"}, "MG106", "with a gap"),
    ({"smtp": "{users: {ldap: {dn: 'uid={name},ou={unit}'}}}"}, "MG106", "with a gap"),
    ({"smtp": "{users: {ldap: {}, file: users.yaml}}"}, "MG106", "say one of"),
    ({"smtp": "{users: {" + OAUTH + ", claim: upn}}}"}, "MG106", "add verified: false"),
    ({"smtp": "{users: {oauth: {issuer: 'http://sso.corp.example', audience: [m]}}}"}, "MG106", "is no issuer"),
    ({"smtp": "{users: {oauth: {issuer: 'https://sso.corp.example', audience: []}}}"}, "MG107", "audience"),
    ({"web": "{passwords: true}", "smtp": "{users: {app_passwords: {}}}"}, "MG404", "there are no logins"),
    ({"smtp": "{users: {}}"}, "MG106", "or app_passwords: {}"),
    ({"smtp": "{users: {file: u.yaml, upstream: 'a:1'}}"}, "MG106", "say one of"),
    ({"web": OIDC + "issuer: 'http://sso.corp.example'}}"}, "MG106", "is no issuer"),
    ({"web": OIDC + "issuer: 'https://u:p@sso.corp.example'}}"}, "MG106", "is no issuer"),
    ({"web": OIDC + "issuer: 'https://sso.corp.example/?a=b'}}"}, "MG106", "is no issuer"),
    ({"web": OIDC + ISSUER + "claim: upn}}"}, "MG106", "add verified: false"),
    ({"web": OIDC + ISSUER + "scopes: [email]}}"}, "MG106", "scopes must name openid"),
    ({"web": OIDC + ISSUER + "skew: 1h}}"}, "MG106", "set the clocks"),
    ({"web": OIDC + ISSUER + "client_secret_file: none}}"}, "MG402", "cannot be used: no such file"),
    ({"web": OIDC + ISSUER + "ca_file: ca.pem}}"}, "MG405", "ca.pem"),
    ({"access": "{second_factor: [admin]}"}, "MG404", "nobody can sign in with a second factor"),
    ({"access": "{admin: [{claim: admins}]}"}, "MG404", "no OpenID provider is asked"),
    ({"metrics": "{bind: '127.0.0.1:8025'}"}, "MG404", "metrics.bind and web.bind both listen"),
    ({"admin": "{socket: /run/" + "x" * 110 + "}"}, "MG404", "longer than 107 bytes"),
    ({"people": "people.yaml"}, "MG405", "there is no file"),
    ({"rules": "[rulse/*.yaml]"}, "MG405", "there is no rule file"),
    ({"rules": "[rules/*.yaml, rules/none.yaml]"}, "MG405", "there is no rule file"),
    ({"next_hop": '{smarthost: "a.example:25", ca_file: ca.pem}'}, "MG405", "ca.pem"),
    ({"directory": LDAP + "ca_file: ca.pem}}"}, "MG405", "ca.pem"),
    ({"directory": LDAP + "bind: x, password_file: none}}"}, "MG402", "cannot be used: no such file"),
    ({"next_hop": HOP + "password_file: none}"}, "MG402", "cannot be used: no such file"),
    ({"next_hop": HOP + "password_file: rules}"}, "MG402", "cannot be used: is a directory"),
    ({"next_hop": HOP + "password_file: empty}"}, "MG402", "is empty"),
    ({"next_hop": HOP + "password_file: lines}"}, "MG402", "holds more than one line"),
    ({"next_hop": HOP + "password_file: latin}"}, "MG402", "not utf-8"),
    ({"next_hop": HOP + "password_file: long}"}, "MG402", "long is longer than 64 KB, which no secret is"),
    ({"next_hop": HOP + "password_file: pipe}"}, "MG402", "is a pipe, a socket or a device, and no file"),
    ({"next_hop": HOP + "password_file: socket}"}, "MG402", "is a pipe, a socket or a device, and no file"),
    ({"next_hop": HOP + "password_file: /dev/zero}"}, "MG402", "is a pipe, a socket or a device, and no file"),
    ({"next_hop": HOP + "password_file: good, password: x}"}, "MG402", "both password and password_file are given"),
    ({"next_hop": MX + "a.example: " + HOP + "password_file: none}}}"}, "MG402", "cannot be used"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "code", "words"), ERRORS)
def test_what_cannot_work_is_an_error_at_its_place(
    folder: Folder, changed: dict[str, Any], code: str, words: str
) -> None:
    folder.write("empty", "\n")
    folder.write("lines", "a\nb\n")
    folder.write("good", "a\n")
    folder.write("rsa", RSA.decode())
    folder.write("long", "x" * (65 << 10))
    (folder.path / "latin").write_bytes(b"\xb3\n")
    os.mkfifo(folder.path / "pipe")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.path.relpath(folder.path / "socket"))  # a whole path may be longer than a socket's
    (problem,) = [problem for problem in folder.wrong(**changed) if problem.severity == "error"]
    assert problem.code == code
    assert words.casefold() in problem.message.casefold()
    assert problem.line > 0
    assert code != "MG402" or problem.help


def test_a_secrets_file_is_read_no_further_than_a_secret_can_be(folder: Folder) -> None:
    with folder.write("endless", "").open("wb") as file:
        file.truncate(1 << 40)  # a wrong path may be one to a disk image
    (problem,) = folder.wrong(next_hop=HOP + "password_file: endless}")
    assert "is longer than 64 KB" in problem.message
    assert problem.help == "write the secret alone into it, in one line"


def test_who_may_not_read_a_secrets_file_hears_how_to_mend_that(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.write("good", "a\n")

    def refuse(*_: object) -> int:  # root may read everything
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        (problem,) = folder.wrong(next_hop=HOP + "password_file: good}")
    assert problem.message == f"{path} cannot be used: permission denied"
    assert problem.help == f"let the user of the service read it, like chgrp mailguard {path} && chmod g+r {path}"


WARNINGS = [
    ({"smtp": listening("")}, "asks for no login and trusts only this machine"),
    ({"smtp": listening(", networks: [10.0.0.0/16, '2001:db8::/32', 127.0.0.0/8]")}, "opens on this machine only"),
    ({"smtp": "{hostname: localhost}"}, "smtp.hostname is localhost"),
    ({"web": "{url: 'http://mailguard.corp.example'}"}, "links and codes would cross the network in cleartext"),
    ({"next_hop": '{smarthost: "a.example:25", tls: none}'}, "crosses the network in cleartext"),
    ({"rules": "[]"}, "no rules: all mail passes at once"),
    ({"rules": "[rules/*.yaml, local/*.yaml]"}, "local/*.yaml matches no file"),
]


@pytest.mark.parametrize(("changed", "words"), WARNINGS)
def test_what_is_hardly_meant_is_a_warning(folder: Folder, changed: dict[str, Any], words: str) -> None:
    found = folder.load(**changed).warnings
    assert [problem.code for problem in found if words in problem.message] == ["MG406"]
    assert all(problem.severity == "warning" and problem.help for problem in found)


def test_the_small_configuration_has_no_findings(folder: Folder) -> None:
    assert folder.load().warnings == ()


def test_all_on_one_machine_needs_no_name(folder: Folder) -> None:
    assert folder.load(smtp="{hostname: localhost}", next_hop='{smarthost: "127.0.0.1:2526", tls: none}').warnings == ()


def test_no_users_file_yet_is_a_warning_so_that_the_first_user_can_be_added(folder: Folder) -> None:
    folder.write("t.crt", "x")
    folder.write("t.key", "x")
    smtp = (
        "{hostname: a.example, tls: {certificate: t.crt, key: t.key}, users: {file: users.yaml}, "
        "listeners: [{bind: '127.0.0.1:465', tls: implicit, auth: required}]}"
    )
    (problem,) = folder.load(smtp=smtp).warnings
    assert "nobody can log in" in problem.message
    assert "mailguard user add" in problem.help


def test_a_missing_certificate_is_an_error(folder: Folder) -> None:
    smtp = "{hostname: a.example, tls: {certificate: t.crt, key: t.key}}"
    assert [problem.code for problem in folder.wrong(smtp=smtp)] == ["MG405", "MG405"]


@pytest.mark.parametrize(("mode", "codes"), [(0o600, []), (0o640, []), (0o644, ["MG403"])])
def test_a_secret_that_others_can_read_is_a_warning(folder: Folder, mode: int, codes: list[str]) -> None:
    folder.write("relay", "x\n", mode)
    loaded = folder.load(next_hop=HOP + "password_file: relay}")
    assert [problem.code for problem in loaded.warnings] == codes


def test_so_are_the_keys_of_the_store_and_of_a_certificate_for_the_smarthost(folder: Folder) -> None:
    for name in ("new.key", "old.key"):
        folder.write(name, f"{b64encode((name * 5)[:32].encode()).decode()}\n", 0o644)
    folder.write("hop.key", "", 0o644)
    folder.write("hop.crt", "")
    keys = folder.load(
        encryption="{key_file: new.key, old: [{key_file: old.key}]}",
        next_hop="{smarthost: 'localhost:2526', certificate: hop.crt, key: hop.key}",
    )
    told = [problem.message.rpartition("/")[2] for problem in keys.warnings if problem.code == "MG403"]
    assert sorted(told) == ["hop.key", "new.key", "old.key"]


def test_a_secret_in_a_configuration_that_others_can_read_is_a_warning(folder: Folder) -> None:
    hop = HOP + "password: hunter2}"
    assert folder.load(next_hop=hop).warnings == ()
    Path.chmod(folder.file, 0o644)
    (problem,) = config.load(folder.file, {}).warnings
    assert (problem.code, problem.line) == ("MG403", 6)
    assert "hunter2" not in str(problem)


def test_only_the_secrets_own_line_break_is_cut(folder: Folder) -> None:
    folder.write("relay", " two words \r\n")
    loaded = folder.load(next_hop=HOP + "password_file: relay}")
    assert loaded.next_hop.password is not None
    assert loaded.next_hop.password.get_secret_value() == " two words "
    assert "two words" not in repr(loaded)


def test_the_secret_of_a_route_is_read_too(folder: Folder) -> None:
    folder.write("relay", "x\n")
    loaded = folder.load(next_hop="{mx: true, unsigned: true, routes: {b.example: " + HOP + "password_file: relay}}}")
    password = loaded.next_hop.routes["b.example"].password
    assert password is not None
    assert password.get_secret_value() == "x"


@pytest.mark.parametrize(
    ("domains", "keys", "bare"),
    [
        ("[corp.example, corp-old.example]", ["corp.example"], "corp-old.example"),
        ('[corp.example, "*.corp.example", lab.corp.example]', ["corp.example"], ""),
        ('[corp.example, "*.corp.example"]', ["lab.corp.example"], "corp.example"),
        ("[corp.example, notcorp.example]", ["corp.example", "notcorp.example"], ""),
    ],
)
def test_mx_wants_a_key_for_each_domain_that_mail_is_from(
    folder: Folder, domains: str, keys: list[str], bare: str
) -> None:
    folder.write("rsa", RSA.decode())
    listed = ", ".join(f"{{domain: {name}, selector: s, key_file: rsa}}" for name in keys)
    said = {"organization": f"{{domains: {domains}}}", "next_hop": "{mx: true}", "dkim": f"[{listed}]"}
    if not bare:
        assert len(folder.load("", None, **said).dkim) == len(keys)
        return
    (problem,) = folder.wrong("", None, **said)
    assert problem.message == f"mail from {bare} would reach strangers without a DKIM signature"
    assert f"mailguard dkim new-key {bare} SELECTOR" in problem.help
    assert folder.load("", None, **{**said, "next_hop": "{mx: true, unsigned: true}"}).next_hop.unsigned


def test_ed25519_alone_is_remarked(folder: Folder) -> None:
    folder.write("ed", ED25519.decode())
    folder.write("rsa", RSA.decode())
    loaded = folder.load("", None, dkim=DKIM + "key_file: ed}]")
    assert ["signs by Ed25519 alone" in one.message for one in loaded.warnings] == [True]
    both = DKIM + "key_file: ed}, {domain: corp.example, selector: r, key_file: rsa}]"
    assert folder.load("", None, dkim=both).warnings == ()


def test_a_key_that_others_can_read_and_a_foreign_domain_are_remarked(folder: Folder) -> None:
    folder.write("rsa", RSA.decode(), mode=0o644)
    loaded = folder.load(dkim="[{domain: else.example, selector: s, key_file: rsa}]")
    assert {(one.code, one.severity) for one in loaded.warnings} == {("MG403", "warning"), ("MG406", "warning")}


@pytest.mark.parametrize(
    ("section", "said", "extra"),
    [
        ("directory", LDAP + "}}", "ldap"),
        ("web", OIDC + ISSUER + "}}", "oidc"),
        ("dkim", DKIM + "key_file: rsa}]", "dkim"),
        ("smtp", "{hostname: mail.corp.example, users: {" + OAUTH + "}}}", "oidc"),
    ],
)
def test_what_needs_a_library_that_is_not_there_names_the_line_that_installs_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, section: str, said: str, extra: str
) -> None:
    monkeypatch.setattr("mailguard.config.checks.find_spec", lambda _: None)
    (problem,) = folder.wrong("", None, **{section: said})
    assert problem.code == "MG407"
    assert f"pip install 'mailguard[{extra}]'" in problem.help


def test_the_providers_secret_is_read_from_its_file(folder: Folder) -> None:
    folder.write("oidc", "s3cret\n", 0o644)
    loaded = folder.load(web=OIDC + ISSUER + "client_secret_file: oidc}}")
    assert loaded.web.oidc is not None
    assert loaded.web.oidc.client_secret is not None
    assert loaded.web.oidc.client_secret.get_secret_value() == "s3cret"
    assert loaded.web.oidc.label == "sso.corp.example"
    assert [problem.code for problem in loaded.warnings] == ["MG403"]
    assert "s3cret" not in repr(loaded)
