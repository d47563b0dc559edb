"""The small notations: durations, sizes, HOST:PORT."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from mailguard.document.units import HostPort, duration, host_port, short, size


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("0s", 0), ("36500d", 3153600000)]
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5M", "-5m", "5m!", "1.5h", 5, None, True, "9" * 5000 + "s"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|is too long"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("8 hours", "write 8h"), ("15 min", "write 15m"), ("2 Days", "write 2d"), ("5 m", "write 5m"),
        (15, "it has no unit, write 15s, 15m, 15h or 15d"), ("3 months", "write a number and s, m, h or d"),
        (True, "write a number and s, m, h or d"), (-5, "write a number and s, m, h or d"),
    ],
)  # fmt: skip
def test_what_is_nearly_a_duration_is_told_how_it_is_written(text: object, advice: str) -> None:
    with pytest.raises(ValueError, match=f"is not a duration: {advice}"):
        duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999999d", "99999999999h99999999999m"])
def test_longer_than_a_century_is_refused_before_it_overflows(text: str) -> None:
    with pytest.raises(ValueError, match="longer than a hundred years"):
        duration(text)


@pytest.mark.parametrize(
    ("value", "count"),
    [("25MB", 25 << 20), ("1KB", 1024), ("2GB", 2 << 30), ("7", 7), ("7B", 7), (9, 9), ("1 MB", 1 << 20)],
)
def test_sizes(value: object, count: int) -> None:
    assert size(value) == count


@pytest.mark.parametrize("value", ["", "MB", "25 mb", "-1MB", "1.5MB", -1, True, None, 1.5])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        size(value)


@pytest.mark.parametrize(("span", "text"), [(5400, "1h30m"), (0, "0s"), (90061, "1d1h1m1s"), (300, "5m")])
def test_a_span_is_written_short_and_read_back(span: int, text: str) -> None:
    assert short(timedelta(seconds=span)) == text
    assert duration(text) == timedelta(seconds=span)


def test_hosts_and_ports() -> None:
    host_and_port = TypeAdapter(HostPort)
    assert host_port(host_and_port.validate_python("[::1]:25")) == ("::1", 25)
    assert host_port(host_and_port.validate_python("mail.example:587")) == ("mail.example", 587)
    for wrong in ["mail.example", "mail:70000", ":25", "::1:25", "a b:25", 25, None]:
        with pytest.raises(ValidationError, match="is not HOST:PORT"):
            host_and_port.validate_python(wrong)
