"""Bombs, loops and broken files: a fact about one file, and nothing the service feels."""

import asyncio
import gzip
import io
import os
import random
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailguard.extract import wire
from mailguard.extract.limits import Limits
from mailguard.extract.pool import Pool
from mailguard.extract.process import Worker
from mailguard.mail.message import Message
from mailguard.records import Content
from tests.extract.containers import made, tarred, zipped
from tests.extract.make_documents import DOCUMENTS
from tests.extract.table import words

QUICK = Limits(seconds=2, mail_seconds=8, memory=384 << 20, unpacked=64 << 20, member=32 << 20, characters=1 << 20)


def mail(**files: bytes) -> Message:
    message = EmailMessage()
    message["From"], message["To"] = "ann@corp.example", "kim@client.example"
    message.set_content("hello")
    for name, data in files.items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name.replace("_", "."))
    return Message(message.as_bytes())


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(QUICK) as one:
        yield one


def read(worker: Worker, data: bytes, name: str = "a_zip") -> Content:
    (content,) = worker.read(mail(**{name: data}))
    assert content is not None
    return content


def docx(body: bytes) -> bytes:
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": body})


LOOP = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 9999999>>endobj\ntrailer<</Root 1 0 R>>"
LAUGHS = b'<!DOCTYPE d [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (97 + n, b"&%c;" % (96 + n) * 10) for n in range(1, 20)
) + b"]><d><t>&t;</t></d>"  # fmt: skip


def overlapping() -> bytes:
    """Many names for the same compressed bytes."""
    packed = zipped({"a": bytes(8 << 20)})
    end = packed.rindex(b"PK\5\6")
    directory = packed[packed.index(b"PK\1\2") : end]
    count = 200
    tail = packed[end : end + 8] + count.to_bytes(2, "little") * 2 + (len(directory) * count).to_bytes(4, "little")
    return packed[: packed.index(b"PK\1\2")] + directory * count + tail + packed[end + 16 :]


def nested(times: int) -> bytes:
    data = b"plantedtext"
    for _ in range(times):
        data = zipped({"a.zip": data})
    return data


def quine() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(7000):
            archive.writestr(f"{number}.txt", b"")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a_zip", zipped({"a.txt": bytes(40 << 20)}), ""),  # zeros are no text: only looked at
        ("b_zip", zipped({"a.txt": b"word " * (40 << 20 >> 2)}), "larger than 32 MB"),
        ("c_zip", zipped({f"{n}.csv": b"1;2;3;4\n" * (1 << 20) for n in range(4)}), "characters|unpacks to more"),
        ("d_gz", gzip.compress(bytes(96 << 20), 1), "32 MB|64 MB"),
        ("e_tgz", gzip.compress(tarred({f"{n}.txt": bytes(20 << 20) for n in range(8)}), 1), "64 MB"),
        ("f_zip", overlapping(), ""),
        ("g_zip", nested(12), "nested deeper"),
        ("h_zip", quine(), "more than 5000 files"),
        ("i_docx", docx(LAUGHS), "entities"),
        ("j_docx", docx(b"<d>" + b"<x>" * 100_000), "nested deeper"),
        ("k_docx", docx(b"<d><p><r><t>" + b"a" * (80 << 20) + b"</t></r></p></d>"), "characters|unpacks to more"),
        ("l_pdf", LOOP, "PDF|page|pages|^$"),
        ("m_rtf", b"{\\rtf1 " + b"{" * 100_000, ""),
        ("n_html", b"<html>" + b"<div>" * 200_000, "nested too deeply"),
        ("o_docx", (DOCUMENTS / "text.docx").read_bytes()[:5000], "directory"),
        ("p_xlsx", zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b"<a"}), "breaks off"),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value and len(value) < 8 else "",
)  # fmt: skip
def test_a_bomb_is_a_fact_of_its_file(worker: Worker, name: str, data: bytes, why: str) -> None:

    began = time.monotonic()
    content = read(worker, data, name)
    assert time.monotonic() - began < QUICK.seconds + 8  # a process may have to be started on a busy machine
    assert re.search(why, content.unreadable) if why else not content.unreadable
    assert read(worker, b"plain plantedtext", "z_txt").pieces[0].text == "plain plantedtext"


def test_paths_and_links_in_archives_are_only_names(worker: Worker) -> None:
    content = read(worker, zipped({"../../etc/passwd": b"x", "/root/.ssh/id": b"y", "a\nb\x1b[31m": b"z"}))
    assert [file.path for file in content.files[1:]] == ["../../etc/passwd", "/root/.ssh/id", "a b[31m"]


def test_one_bad_file_does_not_spoil_its_neighbours(worker: Worker) -> None:
    message = mail(a_txt=b"first", b_docx=docx(LAUGHS), c_zip=zipped({"a.txt": b"word " * (40 << 18)}), d_txt=b"last")
    found = [content for content in worker.read(message) if content]
    assert [bool(content.unreadable) for content in found] == [False, True, True, False]
    assert (found[0].pieces[0].text, found[3].pieces[0].text) == ("first", "last")


@pytest.mark.parametrize(
    "why",
    [
        ["{a.__class__}", {"a": "x"}], ["{a:>9999999}", {"a": "x"}], ["{a}", {"a": ["{b}", {"b": "x"}]}],
        ["{a", {"a": "x"}], ["a"], 7,
    ],
)  # fmt: skip
def test_a_reason_that_a_worker_gives_is_a_plain_sentence(why: object) -> None:
    file = ["", "zip", ["archive"], 1, False, False, ""]
    assert wire.file([*file, ["{number} files", {"number": 7}]]).unreadable == "7 files"
    with pytest.raises(wire.Gone):
        wire.file([*file, why])


# --- a worker that eats, loops or dies: a program put in place of the readers --------------------------------

EVIL = """
import sys, os, time
from mailguard.extract import dispatch, worker, jail
real = dispatch.read
def read(name, content_type, data, limits, tell):
    if data.startswith(b"loop"):
        while True: pass
    if data.startswith(b"sleep"): time.sleep(1000)
    if data.startswith(b"die"): os._exit(3)
    if data.startswith(b"crash"): import ctypes; ctypes.string_at(1)
    if data.startswith(b"eat"):
        held = []
        while True: held.append(bytearray(1 << 20))
    if data.startswith(b"flood"):
        while True: tell("x" * 30000, "body", "")
    if data.startswith(b"lie"): tell("x", "nowhere", "")
    return real(name, content_type, data, limits, tell)
dispatch.read = read
worker.main()
"""


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    program = tmp_path / "evil.py"
    program.write_text(EVIL)
    real = subprocess.Popen

    def start(command: list[str], **how: object) -> "subprocess.Popen[bytes]":
        return real([sys.executable, "-I", "-B", str(program)], **how)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr("mailguard.extract.process.subprocess.Popen", start)
    with Worker(QUICK) as worker:
        yield worker


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"loop", "takes longer than 2 seconds"),
        (b"sleep", "takes longer than 2 seconds"),
        (b"die", "its reader crashed"),
        (b"crash", "its reader crashed"),
        (b"eat", "needs more memory"),
        (b"flood", "its reader crashed"),
        (b"lie", "its reader crashed"),
    ],
)
def test_what_becomes_of_the_worker_is_its_files_fact_alone(evil: Worker, data: bytes, why: str) -> None:
    found = evil.read(mail(a_txt=b"before", b_txt=data, c_txt=b"after"))
    before, bad, after = (content for content in found if content)
    assert (before.pieces[0].text, after.pieces[0].text) == ("before", "after")
    assert why in bad.unreadable


def test_a_whole_mail_of_loops_ends_in_bounded_time(evil: Worker) -> None:
    began = time.monotonic()
    found = evil.read(mail(**{f"f{n}_txt": b"loop" for n in range(20)}))
    assert time.monotonic() - began < QUICK.mail_seconds + 10
    assert all(content and content.unreadable for content in found)


async def test_the_service_goes_on_while_workers_loop_and_eat(evil: Worker) -> None:
    """Loop and memory of this process, with a pool whose workers do their worst."""
    pool = Pool(replace(QUICK, seconds=1), workers=2)
    longest, busiest, done = 0.0, 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest, busiest
        while not done.is_set():
            began, computed = time.monotonic(), time.thread_time()
            await asyncio.sleep(0.001)
            longest, busiest = max(longest, time.monotonic() - began), max(busiest, time.thread_time() - computed)

    before = _resident()
    watching = asyncio.create_task(watch())
    letters = [mail(a_txt=what) for what in (b"loop", b"eat", b"flood", b"die", b"crash", b"sleep", b"loop", b"eat")]
    found = await asyncio.gather(*map(pool.read, letters))
    done.set()
    await watching
    await pool.close()
    assert all(content and content.unreadable for (content,) in found)
    assert _resident() - before < 64 << 20
    assert busiest < 0.25  # what the loop computed by itself; `make bench` measures how long others wait for it
    assert longest < 1  # it waited for no worker: those take a second


async def test_nobody_free_in_time_is_unreadable_and_never_nothing(evil: Worker) -> None:
    pool = Pool(replace(QUICK, waiting_seconds=0), workers=1)
    slow = asyncio.create_task(pool.read(mail(a_txt=b"sleep")))
    await asyncio.sleep(0.2)
    (content,) = await pool.read(mail(a_txt=b"fine"))
    assert content is not None
    assert "no time" in content.unreadable
    await slow
    await pool.close()


async def test_where_too_many_bytes_wait_a_mail_waits_no_longer_than_its_client(evil: Worker) -> None:
    pool = Pool(replace(QUICK, waiting_seconds=60, waiting_bytes=10), workers=1, decide=0.1)
    slow = asyncio.create_task(pool.read(mail(a_txt=b"sleep")))
    await asyncio.sleep(0.2)
    (content,) = await pool.read(mail(a_txt=b"fine"))
    assert content is not None
    assert "no time" in content.unreadable
    await slow
    (content,) = await pool.read(mail(a_txt=b"fine"))  # a free worker takes it, however large it is
    assert content is not None
    assert not content.unreadable
    await pool.close()


async def test_a_pool_that_is_closed_ends_what_it_reads_at_once(evil: Worker) -> None:
    pool = Pool(QUICK, workers=1)
    reading = asyncio.create_task(pool.read(mail(**{f"f{n}_txt": b"sleep" for n in range(4)})))
    await asyncio.sleep(1.5)
    began = time.monotonic()
    await pool.close()
    assert time.monotonic() - began < 1
    assert all(content and content.unreadable for content in await reading)
    (content,) = await pool.read(mail(a_txt=b"fine"))
    assert content is not None
    assert content.unreadable


def test_a_worker_has_no_network_no_files_and_starts_no_programs(tmp_path: Path) -> None:
    program = tmp_path / "free.py"
    program.write_text(
        "import socket, subprocess, os\nfrom mailguard.extract import jail\njail.enter(512 << 20)\nsaid = []\n"
        "for what in (lambda: socket.socket(), lambda: subprocess.run(['/bin/true']), lambda: os.fork(),\n"
        f"             lambda: os.unlink({str(program)!r}), lambda: os.kill(os.getppid(), 0)):\n"
        "    try: what(); said.append('could')\n"
        "    except OSError as error: said.append(str(error.errno))\nprint(said)\n"
    )
    ran = subprocess.run([sys.executable, program], stdout=subprocess.PIPE, check=True)
    assert ran.stdout.decode().strip() == str(["1"] * 5)
    assert program.exists()


def test_a_worker_ends_with_its_service() -> None:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([sys.executable, "-m", "mailguard.extract.worker"], stdin=theirs.fileno())
    theirs.close()
    ours.close()
    process.wait(timeout=30)


def test_workers_are_replaced_after_so_many_files() -> None:
    with Worker(replace(QUICK, jobs=2)) as worker:
        pids = []
        for _ in range(4):
            read(worker, b"text", "a_txt")
            pids.append(worker.pid)
        assert pids[0] is not None
        assert (pids[1], pids[3]) == (None, None)


def test_broken_files_of_every_form_are_said_to_be_or_read_as_far_as_they_go() -> None:
    dice = random.Random(4)
    whole = {path.name: path.read_bytes() for path in DOCUMENTS.iterdir() if path.suffix != ".ppt"} | made()
    for name, data in whole.items():
        for _ in range(6):
            broken = bytearray(data[: dice.randrange(1, len(data) + 1)])
            for _ in range(dice.randrange(30)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            files, _ = words(name, bytes(broken))
            assert files[0].size == len(broken)
            assert "failed (Attribute" not in files[0].unreadable, (name, files[0].unreadable)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
