"""The AUTH dialogue."""

from base64 import b64encode

import pytest

from mailguard.errors import PermanentFailure
from mailguard.smtpd.login import credentials


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


async def talk(argument: str, *answers: str) -> tuple[tuple[str, str], list[bytes]]:
    asked: list[bytes] = []
    left = list(answers)

    async def ask(challenge: bytes) -> bytes:
        asked.append(challenge)
        return left.pop(0).encode()

    return await credentials(argument, ask), asked


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
        ("", [], "504 5.5.4 "),
    ],
)
async def test_everything_else_is_refused(argument: str, answers: list[str], reply: str) -> None:
    with pytest.raises(PermanentFailure) as caught:
        await talk(argument, *answers)
    assert caught.value.line.startswith(reply)
