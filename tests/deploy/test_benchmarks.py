"""What the benchmark concludes from its runs."""

import email
import os
from pathlib import Path

import pytest

from benchmarks import latency, letters, processes
from benchmarks.measures import MB, Memory, Run, Stall
from benchmarks.report import Report, ratios
from benchmarks.sink import Load, Sink


def run(relay: str, seconds: float, size: int = 4096, cpu: float = 1.0) -> Run:
    return Run(relay, size, reuse=False, mails=100, seconds=seconds, accepted=seconds, cpu=cpu, own_cpu=cpu / 2)


def test_twice_as_fast_is_a_ratio_of_two_and_the_median_pair_counts() -> None:
    runs = [run("mailguard", 1), run("postfix", 2), run("mailguard", 1), run("postfix", 9)]
    runs += [run("postfix", 2), run("mailguard", 1, cpu=0.5)]
    (ratio,) = ratios(runs)
    assert (ratio.throughput, ratio.low, ratio.high, ratio.pairs) == (2.0, 2.0, 9.0, 3)
    assert ratio.missed == "throughput, CPU"  # 2.5 times is wanted, and a third of the CPU


@pytest.mark.parametrize(("seconds", "cpu", "missed"), [(0.3, 0.3, ""), (0.5, 0.3, "throughput"), (0.3, 0.4, "CPU")])
def test_what_is_wanted_is_throughput_and_cpu(seconds: float, cpu: float, missed: str) -> None:
    (ratio,) = ratios([run("mailguard", seconds, cpu=cpu), run("postfix", 1)])
    assert ratio.missed == missed


def test_the_time_to_the_250_is_compared_pair_by_pair() -> None:
    def waits(relay: str, accepted: float, session: str = latency.PLAIN) -> latency.Waits:
        return latency.Waits(relay, session, (accepted,) * 3, (accepted + 0.01,) * 3, 0.002)

    pairs = [(0.001, 0.004), (0.003, 0.004), (0.001, 0.005)]
    found = [waits(relay, of) for pair in pairs for relay, of in zip(("mailguard", "postfix"), pair, strict=True)]
    found += [waits("mailguard", 1.0, latency.AUTH), waits("postfix", 0.001, latency.TLS)]
    assert latency.waited(found) == pytest.approx(0.25)
    assert latency.missed(found) == []
    assert latency.missed([waits("mailguard", 3), waits("postfix", 4)]) == [
        "time to the 250 (0.75 × Postfix, ≤ 0.5 wanted)"
    ]
    assert latency.table(found).row_count == 4


def test_what_was_missed_is_named() -> None:
    slow = [run("mailguard", 2, 5 * MB), run("postfix", 0.9, 5 * MB)]
    stuck = [Stall("mailguard", 100, 0.1, 5, 51), Stall("postfix", 100, 0.1, 5, 80)]
    fat = [Memory(1, 5 * MB, 11 * MB), Memory(10, 5 * MB, 70 * MB)]
    report = Report({}, slow, stuck, fat)
    assert report.missed() == [
        "throughput at 5 MB, one a mail",
        "memory with 1 in flight",
        "event loop blocked 51 ms",
    ]


def test_a_process_is_measured_with_its_children() -> None:
    assert os.getpid() in processes.tree(os.getppid())
    assert processes.resident(os.getppid(), "VmRSS") > processes.resident(os.getpid(), "VmRSS") > MB
    assert processes.tree_cpu(os.getpid()) > 0
    assert processes.machine_cpu() > processes.tree_cpu(os.getpid())


@pytest.mark.clients("smtp-sink", "smtp-source")
def test_the_sink_counts_every_mail(tmp_path: Path) -> None:
    sink = Sink(tmp_path)
    try:
        assert sink.count() == 0
        Load(4096, 25, sessions=5).send(sink.port, timeout=20)
        Load(4096, 25, sessions=5, reuse=True).send(sink.port, timeout=20)
        assert sink.count() == 50
    finally:
        sink.stop()


@pytest.mark.parametrize("size", [4096, 102400, 5 * MB])
def test_a_mail_has_the_size_it_is_counted_with(tmp_path: Path, size: int) -> None:
    text = letters.write(tmp_path, size).read_text("ascii")
    assert size - 100 <= len(text.replace("\n", "\r\n")) <= size
    message = email.message_from_string(text)
    attached = [part.get_payload(decode=True)[:5] for part in message.walk() if part.get_filename()]  # type: ignore[index]
    assert attached == ([] if size == 4096 else [b"%PDF-"])
