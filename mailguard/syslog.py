"""Where a line of the log goes beside stdout: the priorities the journal reads, and the syslog daemon."""

import os
import socket
from contextlib import suppress
from typing import TextIO

_INFO = 6
_PRIORITIES = {"error": 3, "warning": 4}  # RFC 5424 §6.2.1; else _INFO
_MAIL = 2 << 3  # the facility


def in_journal(stream: TextIO) -> bool:
    """Whether systemd reads this stream into the journal (systemd.exec(5), JOURNAL_STREAM)."""
    with suppress(OSError, ValueError):
        status = os.fstat(stream.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False


def marked(level: str, line: str) -> str:
    """With the priority in front that the journal takes away again: `journalctl -p err` finds errors."""
    mark = f"<{_PRIORITIES.get(level, _INFO)}>"
    return "\n".join(mark + part for part in line.split("\n"))


class Syslog:
    """The daemon at a socket, or at HOST:PORT by UDP. What it does not take at once is lost: mail never waits."""

    def __init__(self, where: str) -> None:
        self._socket: socket.socket | None = None
        self._family, self._address = socket.AF_UNIX, where
        if not where.startswith("/"):
            host, _, port = where.rpartition(":")
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
            self._family, self._address = found[0][0], found[0][4]  # type: ignore[assignment]

    def write(self, level: str, line: str) -> None:
        """One line, as mail.info, mail.warning or mail.err. A daemon that was started anew is found again."""
        data = f"<{_MAIL | _PRIORITIES.get(level, _INFO)}>mailguard[{os.getpid()}]: {line}".encode()
        for _ in range(2):
            try:
                if self._socket is None:
                    self._socket = socket.socket(self._family, socket.SOCK_DGRAM)
                    self._socket.setblocking(False)
                    self._socket.connect(self._address)
                self._socket.send(data)
            except BlockingIOError:
                return
            except OSError:
                self.close()
            else:
                return

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def __del__(self) -> None:
        self.close()  # it lives as long as the log, which nothing closes
