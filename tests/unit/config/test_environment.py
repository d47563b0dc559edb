"""Settings from the environment."""

import pytest

from .conftest import Folder


def test_a_variable_replaces_or_adds_a_setting(folder: Folder) -> None:
    loaded = folder.load(
        environ={
            "MAILGUARD_SMTP__HOSTNAME": "other.corp.example",
            "MAILGUARD_SMTP__LIMITS__SIZE": "50MB",
            "MAILGUARD_SMTP__LIMITS__RECIPIENTS": "200",
            "MAILGUARD_LOG__SUBJECTS": "true",
            "MAILGUARD_RETRY__GIVE_UP": "5h",
            "MAILGUARD_RULES": "[rules/10-base.yaml]",
        }
    )
    assert loaded.smtp.hostname == "other.corp.example"
    assert loaded.smtp.limits.size == 50 << 20
    assert loaded.smtp.limits.recipients == 200
    assert loaded.log.subjects is True
    assert loaded.retry.give_up.total_seconds() == 5 * 3600
    assert loaded.rules == (str(folder.path / "rules/10-base.yaml"),)


def test_places_of_a_list_are_numbers(folder: Folder) -> None:
    listeners = "{listeners: [{bind: '127.0.0.1:2525', tls: none, auth: none}]}"
    loaded = folder.load(
        environ={
            "MAILGUARD_SMTP__LISTENERS__0__BIND": "127.0.0.1:2600",
            "MAILGUARD_SMTP__LISTENERS__1": "{bind: '127.0.0.1:2601', tls: none, auth: none}",
        },
        smtp=listeners,
    )
    assert [listener.bind for listener in loaded.smtp.listeners] == ["127.0.0.1:2600", "127.0.0.1:2601"]


def test_text_stays_text_where_text_is_wanted(folder: Folder) -> None:
    environ = {"MAILGUARD_NEXT_HOP__USERNAME": "0123", "MAILGUARD_NEXT_HOP__PASSWORD": "true"}
    loaded = folder.load(environ=environ)
    assert loaded.next_hop.username == "0123"
    assert loaded.next_hop.password is not None
    assert loaded.next_hop.password.get_secret_value() == "true"
    loaded = folder.load(environ=environ | {"MAILGUARD_NEXT_HOP__PASSWORD": "{[not yaml"})
    assert loaded.next_hop.password is not None
    assert loaded.next_hop.password.get_secret_value() == "{[not yaml"


def test_a_secret_replaces_the_files_twin(folder: Folder) -> None:
    hop = '{smarthost: "a.example:25", username: u, password_file: /nowhere/at/all}'
    loaded = folder.load(environ={"MAILGUARD_NEXT_HOP__PASSWORD": "x"}, next_hop=hop)
    assert loaded.next_hop.password is not None
    secret = folder.write("secret", "y\n")
    inline = '{smarthost: "a.example:25", username: u, password: x}'
    loaded = folder.load(environ={"MAILGUARD_NEXT_HOP__PASSWORD_FILE": str(secret)}, next_hop=inline)
    assert loaded.next_hop.password is not None
    assert loaded.next_hop.password.get_secret_value() == "y"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MAILGUARD_SMTP_HOSTNAME", "MAILGUARD_SMTP__HOSTNAME"),
        ("MAILGUARD_SMTP__HOSTNME", "MAILGUARD_SMTP__HOSTNAME"),
        ("MAILGUARD_LISTENERS__0__BIND", "MAILGUARD_SMTP__LISTENERS__0__BIND"),
        ("MAILGUARD_HOLD__FALLBACK", "MAILGUARD_HOLDS__FALLBACK"),
    ],
)
def test_an_unknown_variable_is_an_error_with_a_suggestion(folder: Folder, name: str, meant: str) -> None:
    (problem,) = folder.wrong(environ={name: "x"})
    assert (problem.code, problem.path, problem.line) == ("MG401", "environment", 0)
    assert problem.message == f"{name} is not a setting"
    assert problem.help == f"did you mean {meant}?"


@pytest.mark.parametrize(
    "name",
    [
        "MAILGUARD_CONFIG",
        "MAILGUARD_FAILPOINTS",
        "MAILGUARD_PORT",
        "MAILGUARD_PORT_25_TCP_ADDR",
        "MAILGUARD_SERVICE_HOST",
        "MAILGUARD_WEB_SERVICE_PORT",
        "MAILGUARD_WEB_PORT_8025_TCP",
        "OTHER_SMTP__HOSTNAME",
    ],
)
def test_reserved_and_foreign_variables_are_left_alone(folder: Folder, name: str) -> None:
    assert folder.load(environ={name: "whatever"}).warnings == folder.load().warnings


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MAILGUARD_SMTP__HOSTNAME", " ", "MAILGUARD_SMTP__HOSTNAME is empty"),
        ("MAILGUARD_RULES", "[a, b", 'MAILGUARD_RULES: a list opened with "["'),
        ("MAILGUARD_RULES", "a", "MAILGUARD_RULES: rules must be a list"),
        ("MAILGUARD_SMTP__LISTENERS__7__BIND", "x:1", "there are only 0 entries"),
        ("MAILGUARD_SMTP__LIMITS__SIZE", "5XB", "MAILGUARD_SMTP__LIMITS__SIZE: '5XB' is not a size"),
        ("MAILGUARD_HOLDS__FALLBACK", "a@else.example", "a@else.example is outside organization.domains"),
        ("MAILGUARD_ORGANIZATION__DOMAINS__0__X", "a", "is not a setting"),
        ("MAILGUARD___", "a", "is not a setting"),
        (f"MAILGUARD_SMTP__LISTENERS__{'9' * 5000}", "a", "is not a setting"),
        ("MAILGUARD_WEB", "{bind: x}", "MAILGUARD_WEB: 'x' is not HOST:PORT"),
        ("MAILGUARD_VERSION", "2", "MAILGUARD_VERSION: version must be 1, not 2"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable(folder: Folder, name: str, value: str, words: str) -> None:
    (problem,) = folder.wrong(environ={name: value})
    assert problem.path == "environment"
    assert problem.message.startswith(name)
    assert words in problem.message


def test_a_password_in_a_variable_is_never_shown(folder: Folder) -> None:
    found = folder.wrong(environ={"MAILGUARD_NEXT_HOP__PASSWORD": "hunter2"})
    assert "hunter2" not in str(found)
