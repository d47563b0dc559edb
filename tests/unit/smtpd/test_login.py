"""The AUTH dialogue."""

import json
from base64 import b64decode, b64encode

import pytest

from mailguard.errors import PermanentFailure
from mailguard.smtpd.login import PASSWORDS, TOKENS, credentials, refusal


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


async def talk(
    argument: str, *answers: str, offered: tuple[str, ...] = (*PASSWORDS, *TOKENS)
) -> tuple[tuple[str, str], list[bytes]]:
    asked: list[bytes] = []
    left = list(answers)

    async def ask(challenge: bytes) -> bytes:
        asked.append(challenge)
        return left.pop(0).encode()

    shown = await credentials(argument, ask, offered)
    assert f"secret={shown.secret!r}" not in repr(shown)
    return (shown.name, shown.secret), asked


async def test_plain_with_and_without_an_initial_response() -> None:
    secret = encoded("\0ann\0s3cret ł")
    assert await talk(f"PLAIN {secret}") == (("ann", "s3cret ł"), [])
    assert await talk("plain", secret) == (("ann", "s3cret ł"), [b""])
    assert (await talk(f"PLAIN {encoded(chr(0).join(['ann', 'ann', 'x']))}"))[0] == ("ann", "x")


async def test_login_with_and_without_an_initial_response() -> None:
    assert await talk("LOGIN", encoded("ann"), encoded("secret")) == (
        ("ann", "secret"), [b64encode(b"Username:"), b64encode(b"Password:")],
    )  # fmt: skip
    assert await talk(f"Login {encoded('ann')}", encoded("secret")) == (("ann", "secret"), [b64encode(b"Password:")])
    assert (await talk("LOGIN =", encoded("secret")))[0] == ("", "secret")


@pytest.mark.parametrize(
    ("argument", "answers", "reply"),
    [
        ("PLAIN", ["*"], "501 5.7.0 "),
        ("LOGIN", [encoded("ann"), "*"], "501 5.7.0 "),
        ("PLAIN not~base64", [], "501 5.5.2 "),
        ("PLAIN YQ", [], "501 5.5.2 "),
        (f"PLAIN {encoded('ann')}", [], "501 5.5.2 "),
        (f"PLAIN {encoded(chr(0) * 3)}", [], "501 5.5.2 "),
        ("LOGIN " + b64encode(b"\xff").decode(), [], "501 5.5.2 "),
        ("LOGIN " + b64encode(b"a\0b").decode(), [encoded("x")], "501 5.5.2 "),
        ("LOGIN " + encoded("x" * 1025), [encoded("x")], "501 5.5.2 "),
        (f"PLAIN {encoded(chr(0).join(['boss', 'ann', 'secret']))}", [], "535 5.7.8 "),
        ("CRAM-MD5", [], "504 5.5.4 "),
        ("OAUTHBEARER", ["*"], "501 5.7.0 "),
        ("XOAUTH2 not~base64", [], "501 5.5.2 "),
        *(
            (f"OAUTHBEARER {encoded(text) or '='}", [], "501 5.5.2 ")
            for text in (
                "",
                "n,,",
                "n,,\x01\x01",
                "n,,\x01auth=Bearer x\x01",
                "p=tls-exporter,,\x01auth=Bearer x\x01\x01",
                "n,,\x01auth=Basic x\x01\x01",
                "n,,\x01auth=Bearer x y\x01\x01",
                "n,,\x01auth=Bearer x\0\x01\x01",
                "n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01",
                "n,a=ann,\x01auth=Bearer x\x01\x01more",
                f"n,a={'x' * 1025},\x01auth=Bearer x\x01\x01",
            )
        ),
        *(
            (f"XOAUTH2 {encoded(text) or '='}", [], "501 5.5.2 ")
            for text in (
                "",
                "user=ann",
                "user=ann\x01auth=Bearer x\x01",
                "user=a\0b\x01auth=Bearer x\x01\x01",
                "user=ann\x01auth=Basic x\x01\x01",
                "auth=Bearer x\x01user=ann\x01\x01",
            )
        ),
        ("", [], "504 5.5.4 "),
    ],
)
async def test_everything_else_is_refused(argument: str, answers: list[str], reply: str) -> None:
    with pytest.raises(PermanentFailure) as caught:
        await talk(argument, *answers)
    assert caught.value.line.startswith(reply)


TOKEN = "abc.DEF-_~+/=="


async def test_oauthbearer_with_and_without_a_name_and_an_initial_response() -> None:
    """The first is the example of RFC 7628 §4.1."""
    whole = encoded(f"n,a=user@example.com,\x01host=server.example.com\x01port=587\x01auth=Bearer {TOKEN}\x01\x01")
    assert await talk(f"OAUTHBEARER {whole}") == (("user@example.com", TOKEN), [])
    assert await talk("oauthbearer", encoded(f"n,,\x01auth=bearer {TOKEN}\x01\x01")) == (("", TOKEN), [b""])
    assert (await talk(f"OAUTHBEARER {encoded('y,a=a=2Cb=3D2C,' + chr(1) + 'auth=Bearer x' + chr(1) * 2)}"))[0] == (
        "a,b=2C", "x",
    )  # fmt: skip


async def test_an_oauthbearer_client_may_ask_where_tokens_are_to_be_had() -> None:
    assert (await talk("OAUTHBEARER", encoded("n,,\x01auth=\x01\x01")))[0] == ("", "")


async def test_xoauth2() -> None:
    said = encoded(f"user=ann@corp.example\x01auth=Bearer {TOKEN}\x01\x01")
    assert await talk(f"XOAUTH2 {said}") == (("ann@corp.example", TOKEN), [])
    assert await talk("xoauth2", said) == (("ann@corp.example", TOKEN), [b""])


async def test_a_token_may_be_as_long_as_a_line_of_auth() -> None:
    token = "x" * 9000
    assert (await talk(f"XOAUTH2 {encoded(f'user=a{chr(1)}auth=Bearer {token}{chr(1) * 2}')}"))[0] == ("a", token)


async def test_what_is_not_offered_is_refused_with_what_is() -> None:
    for offered, argument in ((PASSWORDS, "XOAUTH2 x"), (TOKENS, "PLAIN x")):
        with pytest.raises(PermanentFailure) as caught:
            await talk(argument, offered=offered)
        assert caught.value.line == f"504 5.5.4 use one of {' '.join(offered)}"


def test_a_refusal_says_where_tokens_come_from() -> None:
    said = json.loads(b64decode(refusal("OAUTHBEARER", "https://sso.example/.well-known/openid-configuration", "mail")))
    assert said == {
        "status": "invalid_token", "scope": "mail",
        "openid-configuration": "https://sso.example/.well-known/openid-configuration",
    }  # fmt: skip
    assert json.loads(b64decode(refusal("XOAUTH2", "https://sso.example", None))) == {
        "status": "401",
        "schemes": "bearer",
    }
