"""What no room can see alone, and files that are not as they must be."""

from pathlib import Path
from typing import Any

import pytest

from mailguard import config

from .conftest import Folder

OPEN = "{bind: '0.0.0.0:25', tls: none, auth: none"
HOP = '{smarthost: "a.example:587", username: u, '


def listening(rest: str) -> str:
    return f"{{hostname: mail.corp.example, listeners: [{OPEN}{rest}}}]}}"


# (changed sections, code, words)
ERRORS = [
    ({"notices": "{sender: m@else.example}"}, "MG404", "m@else.example is outside organization.domains"),
    ({"holds": "{fallback: p@else.example}"}, "MG404", "p@else.example is outside organization.domains"),
    ({"holds": "{fallback: Mailguard@corp.example}"}, "MG404", "is notices.sender too"),
    ({"holds": "{fallback: p@corp.example, expires: 0s}"}, "MG404", "holds.expires can't be nothing"),
    ({"smtp": listening(", networks: [0.0.0.0/0]")}, "MG404", "0.0.0.0/0 is the whole internet"),
    ({"smtp": listening(", networks: ['::/0']")}, "MG404", "::/0 is the whole internet"),
    ({"smtp": "{listeners: [{bind: '127.0.0.1:2525', tls: none, auth: required}]}"}, "MG106", "in cleartext"),
    ({"smtp": "{listeners: [{bind: '127.0.0.1:2525', tls: starttls, auth: none}]}"}, "MG106", "certificate"),
    ({"next_hop": HOP + "password: x, tls: none}"}, "MG106", "in cleartext"),
    ({"next_hop": '{smarthost: "127.0.0.1:2525", tls: none}'}, "MG404", "is mailguard itself"),
    ({"next_hop": '{smarthost: "localhost:2525", tls: none}'}, "MG404", "is mailguard itself"),
    ({"next_hop": '{mx: true, routes: {a.example: {smarthost: "127.0.0.1:2525"}}}'}, "MG404", "in circles"),
    ({"web": "{bind: '127.0.0.1:2525'}"}, "MG404", "web.bind and smtp.listeners.bind both listen on 127.0.0.1:2525"),
    ({"metrics": "{bind: '127.0.0.1:8025'}"}, "MG404", "metrics.bind and web.bind both listen"),
    ({"admin": "{socket: /run/" + "x" * 110 + "}"}, "MG404", "longer than 107 bytes"),
    ({"people": "people.yaml"}, "MG405", "there is no file"),
    ({"rules": "[rulse/*.yaml]"}, "MG405", "there is no rule file"),
    ({"rules": "[rules/*.yaml, rules/none.yaml]"}, "MG405", "there is no rule file"),
    ({"next_hop": '{smarthost: "a.example:25", ca_file: ca.pem}'}, "MG405", "ca.pem"),
    ({"next_hop": HOP + "password_file: none}"}, "MG402", "cannot be used: no such file"),
    ({"next_hop": HOP + "password_file: rules}"}, "MG402", "cannot be used: is a directory"),
    ({"next_hop": HOP + "password_file: empty}"}, "MG402", "is empty"),
    ({"next_hop": HOP + "password_file: lines}"}, "MG402", "holds more than one line"),
    ({"next_hop": HOP + "password_file: latin}"}, "MG402", "not utf-8"),
    ({"next_hop": HOP + "password_file: good, password: x}"}, "MG402", "both password and password_file are given"),
    ({"next_hop": '{mx: true, routes: {a.example: ' + HOP + "password_file: none}}}"}, "MG402", "cannot be used"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "code", "words"), ERRORS)
def test_what_cannot_work_is_an_error_at_its_place(
    folder: Folder, changed: dict[str, Any], code: str, words: str
) -> None:
    folder.write("empty", "\n")
    folder.write("lines", "a\nb\n")
    folder.write("good", "a\n")
    (folder.path / "latin").write_bytes(b"\xb3\n")
    (problem,) = [problem for problem in folder.wrong(**changed) if problem.severity == "error"]
    assert problem.code == code
    assert words.casefold() in problem.message.casefold()
    assert problem.line > 0


WARNINGS = [
    ({"smtp": listening("")}, "asks for no login and trusts only this machine"),
    ({"smtp": listening(", networks: [10.0.0.0/8]")}, "opens on this machine only"),
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
    loaded = folder.load(next_hop="{mx: true, routes: {b.example: " + HOP + "password_file: relay}}}")
    password = loaded.next_hop.routes["b.example"].password
    assert password is not None
    assert password.get_secret_value() == "x"
