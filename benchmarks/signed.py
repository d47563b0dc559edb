"""`python -m benchmarks.signed`: CPU and memory that a DKIM signature costs a mail, beside dkimpy on the same mail."""

import asyncio
import time
import tracemalloc
from base64 import encodebytes
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import dkim

from mailguard.courier.parcel import Parcel
from mailguard.courier.signing import signed
from mailguard.dkim import keys
from mailguard.dkim.signer import Signer
from mailguard.mail.envelope import Recipient

_TURNS = 7
_NOW = datetime(2026, 11, 28, tzinfo=UTC)
_HEAD = (
    b"Received: from x\r\n\tby y; today\r\nFrom: Ann <ann@corp.example>\r\nTo: kim@client.example\r\n"
    b"Subject: Quote\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@corp.example>\r\n\r\n"
)
_LINE = b"Hello Kim,  here is what we  talked about,\tand more.\r\n"
_BODIES = {
    "8 KB of text": (_LINE * (8192 // len(_LINE)), 200),
    "1 MB of text": (_LINE * ((1 << 20) // len(_LINE)), 10),
    "5 MB, a file": (encodebytes(bytes(range(256)) * 15_000).replace(b"\n", b"\r\n"), 5),
}
_NAMES = [b"from", b"to", b"subject", b"date", b"message-id"]


def _ours(signer: Signer, body: bytes) -> Callable[[], object]:
    parcel = Parcel(
        "x", "ann@corp.example", (Recipient("kim@client.example"),), _HEAD, memoryview(body), len(_HEAD) + len(body),
        smtputf8=False, eightbit=False,
    )  # fmt: skip
    return lambda: asyncio.run(signed(parcel, signer, _NOW))


def _dkimpy(pem: bytes, body: bytes) -> Callable[[], object]:
    mail = _HEAD + body
    return lambda: dkim.sign(
        mail, b"s", b"corp.example", pem, canonicalize=(b"relaxed", b"relaxed"), include_headers=_NAMES
    )


def _milliseconds(work: Callable[[], object], mails: int) -> float:
    began = time.process_time()
    for _ in range(mails):
        work()
    return (time.process_time() - began) / mails * 1000


def _peak(work: Callable[[], object]) -> float:
    """MB that are taken besides the mail itself."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / (1 << 20)


def main() -> None:
    rsa, ed25519 = keys.fresh("rsa"), keys.fresh("ed25519")
    one = Signer([keys.read("corp.example", "s", rsa)])
    two = Signer([keys.read("corp.example", "s", rsa), keys.read("corp.example", "e", ed25519)])
    print(f"CPU a mail in ms, RSA-2048, median of {_TURNS}; MB besides the mail at its peak")
    for name, (body, mails) in _BODIES.items():
        ways = {"ours": _ours(one, body), "with Ed25519": _ours(two, body), "dkimpy": _dkimpy(rsa, body)}
        ways["no key"] = _ours(Signer(), body)
        spent: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(_TURNS):
            for way, work in ways.items():
                spent[way].append(_milliseconds(work, mails))
        loop = median(spent.pop("no key"))  # what asyncio.run costs, which no mail pays
        cost = {way: median(each) - (loop if way != "dkimpy" else 0) for way, each in spent.items()}
        said = ", ".join(f"{way} {cost[way]:.2f} ({_peak(ways[way]):.1f} MB)" for way in cost)
        print(f"{name:>13}: {said}; dkimpy / ours {cost['dkimpy'] / cost['ours']:.1f}")


if __name__ == "__main__":
    main()
