"""From bytes to lines of text: what is no UTF-8 text file is said so, with the place and the way out."""

import re
import stat
from pathlib import Path
from typing import NoReturn

from mailguard.document.problem import Problem
from mailguard.document.tree import Place, masked
from mailguard.errors import ConfigError

MAX_BYTES = 1 << 20

BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")  # as libyaml counts lines
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BOMS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Source:
    """A text by lines, as libyaml counts them, under the name that problems call it. A leading BOM is dropped."""

    def __init__(self, text: str, path: str) -> None:
        if len(text) > MAX_BYTES:
            unreadable(path, "larger than 1 MiB", "split it into several files")
        self.text = text.removeprefix("\ufeff")
        self.path = path
        self.lines = BREAK.split(self.text)
        self._check()

    def fail(self, place: Place, code: str, message: str, help: str = "") -> NoReturn:  # noqa: A002
        """Raise ConfigError with one Problem at `place`."""
        line, column, length = place
        source = masked(self.lines[line - 1]) if line <= len(self.lines) else ""
        fail(Problem(code, "error", self.path, line, column, length, message, help, source))

    def check_value(self, value: str, place: Place) -> None:
        """An escape in quotes can bring in what the text itself may not hold."""
        if found := _UNPRINTABLE.search(value):
            message = f"an escape for a character that can't be used (U+{ord(found[0]):04X})"
            self.fail(place, "MG109", message, "remove it; a backslash stands for itself in single quotes")

    def _check(self) -> None:
        found = _UNPRINTABLE.search(self.text)
        if found is None:
            return
        name = "NUL" if found[0] == "\0" else f"U+{ord(found[0]):04X}"
        line, column = _end(self.text[: found.start()])
        how = "remove it; these files are plain UTF-8 text"
        self.fail((line, column, 1), "MG109", f"a character that can't be in a text file ({name})", how)


def read(path: Path) -> Source:
    """The text of a file. Raises ConfigError."""
    name = str(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            unreadable(name, f"this is {'a folder' if stat.S_ISDIR(mode) else 'a device or pipe'}, not a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        unreadable(name, "there is no such file", "check the path, and the folder it is relative to")
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "a path can't be written like this").lower()
        unreadable(name, f"cannot be read: {reason}", "check who may read it")
    if len(data) > MAX_BYTES:
        unreadable(name, "larger than 1 MiB", "split it into several files")
    return Source(_decoded(data, name), name)


def unreadable(path: str, message: str, help: str = "") -> NoReturn:  # noqa: A002
    """Raise ConfigError about the file as a whole."""
    fail(Problem("MG101", "error", path, 0, 0, 0, message, help))


def fail(problem: Problem) -> NoReturn:
    """Raise ConfigError with this one Problem."""
    raise ConfigError(f"{problem.path}: {problem.message}", [problem])


def _decoded(data: bytes, path: str) -> str:
    wide = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "")
    if not wide and data[:2].count(0) == 1:
        wide = "UTF-16"
    if wide:
        fail(Problem("MG109", "error", path, 1, 1, 1, f"saved as {wide}", "save it as UTF-8"))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line, column = _end(data[: error.start].decode())
        source = masked(BREAK.split(data.decode(errors="replace"))[line - 1])
        message = f"not UTF-8: byte 0x{data[error.start]:02x}"
        how = "save it as UTF-8; it may be Latin-1 or Windows-1250 now"
    fail(Problem("MG109", "error", path, line, column, 1, message, how, source))


def _end(text: str) -> tuple[int, int]:
    """The line and column just behind a text."""
    lines = BREAK.split(text)
    return len(lines), len(lines[-1]) + 1
