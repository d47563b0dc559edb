"""What a connector to a provider needs: a lock, secrets that nobody guesses, a way back."""

import pytest

from tests.unit.config.conftest import Folder

STRONG, OLD = "s" * 64, "o" * 64
TLS = "tls: {certificate: tls.crt, key: tls.key}"
LOCK = "lock: {provider: google, secret_file: secret}"
STAMPED = '{smarthost: "relay.example:587", stamp: true}'


@pytest.fixture(autouse=True)
def files(folder: Folder) -> None:
    for name, text in (("tls.crt", "x"), ("tls.key", "x"), ("secret", STRONG), ("weak", "secret"), ("old", OLD)):
        folder.write(name, text + "\n")


def smtp(networks: str, *more: str, stamp: str = "stamp: {key_file: secret}") -> str:
    listener = ", ".join(('bind: "0.0.0.0:25", mode: connector', f"networks: [{networks}]", *more))
    return f"{{hostname: mail.corp.example, {TLS}, {stamp}, listeners: [{{{listener}}}]}}"


def test_a_lock_and_a_way_back_are_all_that_is_asked_for(folder: Folder) -> None:
    config = folder.load(smtp=smtp("35.190.0.0/16, 40.92.0.0/15", LOCK), next_hop=STAMPED)
    assert config.smtp.listeners[0].lock is not None
    assert config.smtp.listeners[0].lock.secret is not None
    assert config.smtp.listeners[0].lock.secret.get_secret_value() == STRONG
    assert [
        problem.message for problem in config.warnings if "lock" in problem.message or "stamp" in problem.message
    ] == []


@pytest.mark.parametrize("network", ["40.92.0.0/15", "104.47.0.0/17", "209.85.128.0/17", "'2a01:111:f400::/48'"])
def test_a_providers_network_needs_a_lock(folder: Folder, network: str) -> None:
    found = folder.wrong(smtp=smtp(network), next_hop=STAMPED)
    assert "others send from" in " ".join(problem.message for problem in found)
    assert "add lock" in " ".join(problem.help for problem in found)


@pytest.mark.parametrize("network", ["10.1.0.0/16", "203.0.114.25/32", "203.0.114.0/24", "'2001:4860:1::/64'"])
def test_ones_own_server_needs_none(folder: Folder, network: str) -> None:
    folder.load(smtp=smtp(network))


def test_nobody_takes_mail_from_everybody(folder: Folder) -> None:
    (problem,) = [
        one for one in folder.wrong(smtp=smtp("0.0.0.0/0", LOCK), next_hop=STAMPED) if one.severity == "error"
    ]
    assert "the whole internet" in problem.message


LOCK_OF = "lock: {{provider: google, {}}}".format
BLANK = "stamp: {key_file: secret, old_key: 'with a blank in it, which no header has'}"
HOP = '{smarthost: "a.example:25", return_secret_file: weak}'


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"smtp": smtp("35.190.0.0/16", LOCK_OF("secret_file: weak"))}, "secret_file"),
        ({"smtp": smtp("35.190.0.0/16", LOCK_OF("secret_file: secret, old_secret: short"))}, "old_secret"),
        ({"smtp": smtp("10.0.0.1/32", stamp="stamp: {key_file: weak}")}, "key_file"),
        ({"smtp": smtp("10.0.0.1/32", stamp=BLANK)}, "old_key"),
        ({"next_hop": HOP}, "return_secret_file"),
        ({"next_hop": f"{{mx: true, unsigned: true, routes: {{a.example: {HOP}}}}}"}, "return_secret_file"),
    ],
)
def test_a_weak_secret_is_an_error_at_its_place(folder: Folder, changed: dict[str, str], place: str) -> None:
    sections = {"next_hop": STAMPED, "smtp": smtp("10.0.0.1/32"), **changed}
    found = folder.wrong(smtp=sections["smtp"], next_hop=sections["next_hop"])
    (problem,) = [one for one in found if one.severity == "error"]
    assert (problem.code, problem.help) == ("MG402", "make one with: openssl rand -hex 32")
    assert STRONG not in problem.message
    line, at = folder.file.read_text("utf-8").splitlines()[problem.line - 1], problem.column - 1
    assert f"{place}: " in line[max(0, at - len(place) - 2) : at + len(place) + 2]


def test_a_stamp_needs_a_key(folder: Folder) -> None:
    (problem,) = [one for one in folder.wrong(next_hop=STAMPED) if one.severity == "error"]
    assert "there is no key for stamps" in problem.message


def test_a_lock_without_a_stamp_is_worth_a_warning(folder: Folder) -> None:
    config = folder.load(smtp=smtp("35.190.0.0/16", LOCK))
    assert "comes back from the provider in a loop" in " ".join(problem.message for problem in config.warnings)


def test_who_else_can_read_a_secret_is_told(folder: Folder) -> None:
    folder.write("secret", STRONG, mode=0o644)
    config = folder.load(smtp=smtp("35.190.0.0/16", LOCK), next_hop=STAMPED)
    found = [problem for problem in config.warnings if problem.code == "MG403"]
    assert len(found) == 2


def test_secrets_come_from_the_environment_as_well(folder: Folder) -> None:
    config = folder.load(environ={"MAILGUARD_SMTP__STAMP__KEY": STRONG, "MAILGUARD_NEXT_HOP__RETURN_SECRET": OLD})
    assert config.smtp.stamp.key is not None
    assert config.next_hop.return_secret is not None
    assert STRONG not in repr(config) + config.model_dump_json()
