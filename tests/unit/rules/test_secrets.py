"""Keys, tokens and passwords, and what only looks like one. All of these are invented."""

import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.mail.text import Text
from mailguard.rules import secrets
from tests.unit.rules.judge import ask, facts

CHANCE = random.Random(7)


def made(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(CHANCE.choice(alphabet) for _ in range(count))


SECRETS = [
    ("private_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
    ("private_key", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ("private_key", "-----BEGIN PRIVATE KEY-----"),
    ("private_key", "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
    ("private_key", "PuTTY-User-Key-File-3: ssh-rsa"),
    ("token", "AKIA" + made(16, string.ascii_uppercase + "234567")),
    ("token", "aws_secret_access_key = " + made(40)),
    ("token", "AIza" + made(35)),
    ("token", "ghp_" + made(36)),
    ("token", "github_pat_" + made(82)),
    ("token", "glpat-" + made(20)),
    ("token", "xox" + "b-730918264512-" + made(24)),
    ("token", "https://hooks.slack.com/" + f"services/T{made(8, 'ABCDEF123')}/B{made(8, 'ABCDEF123')}/{made(24)}"),
    ("token", "sk_" + "live_" + made(24)),
    ("token", f"SG.{made(22)}.{made(43)}"),
    ("token", "sk-proj-" + made(48)),
    ("token", "npm_" + made(36)),
    ("token", "AccountKey=" + made(86) + "=="),
    ("token", f"Bearer eyJ{made(20)}.eyJ{made(60)}.{made(43)}"),
    ("password", "Login: ann\nPassword: Zi9#mko2p"),
    ("password", "password=tr0ub4dor&3"),
    ("password", "Hasło: Zima2026!"),
    ("password", "Das Passwort lautet: Blau-7731x"),
    ("password", "mot de passe : Chat!2026"),
    ("password", "contraseña: Gato#99x"),
    ("password", "パスワード：Neko2026!"),
    ("password", "postgres://app:s3cr3tPw@db.corp.example/prod"),
    ("password", 'client_secret: "aB3~xyz-99Q"'),
]
HARMLESS = [
    "-----BEGIN PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PGP MESSAGE-----",
    "AKIAIOSFODNN7EXAMPLE",
    "AKIA" + "A" * 16,
    "ghp_" + "x" * 36,
    "sk_" + "test_" + made(24),
    "The password policy: please read it by Monday.",
    "Password: you know it",
    "Password: ********",
    "Password: <your password>",
    "Password: ${DB_PASSWORD}",
    "Reset your password: https://login.corp.example/reset?id=Ab12",
    "password: ann@corp.example",
    "Hasło: jak zwykle",
    "Hasło przewodnie: Razem2026",
    "I forgot my password.",
    "Passwort: siehe Brief",
    "https://corp.example:8443/a@b",
    "mailto:ann@corp.example",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "order no. 7f3c1a52-9b1e-4c0a-8d55-0d2f3f7a9c11",
    "https://corp.example/?utm_source=news&utm_id=" + made(40),
]


@pytest.mark.parametrize(("kind", "text"), SECRETS)
def test_a_secret_is_found_and_never_shown(kind: str, text: str) -> None:
    match = ask("{secret: true}", facts(text=Text(new=f"Hello,\n{text}\nBest")))
    assert match is not None
    assert ask(f"{{secret: {{kind: {kind}}}}}", facts(text=Text(new=text))) is not None
    value = max(text.split(), key=len)
    assert value not in repr(match)
    assert value[8:] not in repr(match) or kind == "private_key"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_is_left_alone(text: str) -> None:
    assert ask("{secret: true}", facts(text=Text(new=f"Hello,\n{text}\nBest"))) is None


def test_secrets_are_counted_and_looked_for_where_a_rule_says() -> None:
    text = f"ghp_{made(36)}"
    assert ask("{secret: {kind: token, at_least: 2}}", facts(text=Text(new=f"{text} {text}"))) is None
    assert ask("{secret: {kind: token, at_least: 2}}", facts(text=Text(new=f"{text} ghp_{made(36)}"))) is not None
    assert ask("{secret: {kind: password}}", facts(text=Text(new=text))) is None
    assert ask("{secret: true}", facts(text=Text(quoted=text))) is None
    assert ask("{secret: {in: [quoted]}}", facts(text=Text(quoted=text))) is not None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_no_text_makes_it_stumble(text: str) -> None:
    list(secrets.find(text, frozenset({"private_key", "token", "password"})))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["a", "eyJ", "eyJaaaaaaaaaa.", "password", "aws secret ", "a://b:", "xoxb-", "-----BEGIN ", "sk-"]
)
def test_its_time_is_linear(piece: str) -> None:
    start = time.process_time()
    list(secrets.find(piece * (200_000 // len(piece)), frozenset({"private_key", "token", "password"})))
    assert time.process_time() - start < 5
