"""The mails that are sent: ordinary text, and from 100 KB on an attachment that makes up the size."""

import base64
import random
from pathlib import Path

from benchmarks.sink import RECIPIENT, SENDER

_TEXT = (
    "the meeting on Tuesday moves to the small room because the large one is being painted please bring the figures "
    "for the third quarter and a list of open questions so that we can decide about next year and let me know "
    "whether Wednesday afternoon would suit you better thank you and kind regards"
)
_EDGE = "=-bench-edge-="


def write(folder: Path, size: int) -> Path:
    """A file of about `size` bytes, for smtp-source -F. It has no Message-ID: the relay gives each mail its own."""
    path = folder / f"mail-{size}.eml"
    path.write_text("\n".join(_plain(size) if size < 10_000 else _with_attachment(size)) + "\n", "ascii")
    return path


def _head(content_type: str) -> list[str]:
    return [
        f"From: Ann <{SENDER}>",
        f"To: Bob <{RECIPIENT}>",
        "Subject: Figures for Tuesday",
        "Date: Mon, 02 Nov 2026 09:00:00 +0000",
        "MIME-Version: 1.0",
        f"Content-Type: {content_type}",
        "",
    ]


def _text(size: int) -> list[str]:
    """Lines of at most 72 characters, `size` bytes with their CRLF."""
    chance, words = random.Random(size), _TEXT.split()
    lines: list[str] = []
    while (left := size - sum(len(line) + 2 for line in lines)) > 2:
        line = " ".join(chance.choices(words, k=12))
        lines.append(line[: min(72, left - 2)])
    return lines


def _plain(size: int) -> list[str]:
    head = _head("text/plain; charset=utf-8")
    return head + _text(size - sum(len(line) + 2 for line in head))


def _with_attachment(size: int) -> list[str]:
    before = [
        *_head(f'multipart/mixed; boundary="{_EDGE}"'),
        f"--{_EDGE}",
        "Content-Type: text/plain; charset=utf-8",
        "",
        *_text(3000),
        f"--{_EDGE}",
        'Content-Type: application/pdf; name="figures.pdf"',
        'Content-Disposition: attachment; filename="figures.pdf"',
        "Content-Transfer-Encoding: base64",
        "",
    ]
    after = [f"--{_EDGE}--"]
    rest = size - sum(len(line) + 2 for line in before + after)
    data = b"%PDF-1.7\n" + random.Random(size).randbytes(rest // 78 * 57 - 9)
    encoded = base64.b64encode(data).decode()
    return before + [encoded[at : at + 76] for at in range(0, len(encoded), 76)] + after
