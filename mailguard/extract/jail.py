"""What a worker gives up before it reads anything: network, other programs, files, memory and privileges."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
from pathlib import Path

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_FILES = 32  # open at once
_CORES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*
# socket connect bind listen accept accept4 execve execveat clone clone3 fork vfork ptrace kill tkill tgkill
# unlink rename mkdir rmdir link symlink chmod chown truncate mount io_uring_setup process_vm_readv bpf userfaultfd
_DENIED = {
    "x86_64": (41, 42, 49, 50, 43, 288, 59, 322, 56, 435, 57, 58, 101, 62, 200, 234, 87, 263, 82, 264, 83, 258, 84, 86,
               265, 88, 266, 90, 92, 76, 165, 425, 310, 321, 323),
    "aarch64": (198, 203, 200, 201, 202, 242, 221, 281, 220, 435, 117, 129, 130, 131, 35, 38, 276, 34, 37, 36, 52, 54,
                45, 40, 425, 270, 280, 282),
}  # fmt: skip
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM


def enter(memory: int) -> None:
    """For good. What the machine does not offer is left out: the limits of memory, time and output always hold."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the service says when to end, by closing the socket
    os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    _filter()


def clock(seconds: int) -> None:
    """The kernel ends this process when one file takes longer, whatever it is doing."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    signal.alarm(3 * seconds)


def _filter() -> None:
    """A seccomp filter: the calls above answer EPERM."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    machine = platform.machine()
    denied = _DENIED.get(machine)
    if denied is None:
        return
    code = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _CORES[machine]), (_RETURN, 0, 0, _REFUSE), (_LOAD, 0, 0, 0)]
    for left, number in zip(range(len(denied), 0, -1), denied, strict=True):
        code.append((_EQUAL, left, 0, number))
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *each) for each in code))
    pointer = struct.pack("<HxxxxxxQ", len(code), ctypes.addressof(program))
    libc.prctl(_SECCOMP, _FILTER, ctypes.create_string_buffer(pointer), 0, 0)
