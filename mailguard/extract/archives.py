"""zip, tar, gz, bz2 and xz: names, and what is in the files. Nothing is ever written anywhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from typing import IO

from mailguard.extract import forms
from mailguard.extract.markup import start, whole
from mailguard.extract.ooxml import opened
from mailguard.extract.work import Damaged, Work, larger, unpacks_to
from mailguard.locale import saying

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_READ = 64 * 1024
_TAR = b"ustar"
_ERRORS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError)


def zipped(work: Work, data: bytes) -> None:
    """A file with a password gives its name, and is what makes the archive encrypted."""
    with opened(data) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                work.sheet.encrypted = True
                work.named(info.filename, info.file_size, encrypted=True)
            else:
                _member(work, archive, info)


def _member(work: Work, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """What cannot be looked into is unpacked no further than it takes to know what it is."""
    if info.compress_type not in _METHODS:  # of another form than is read here: there is the name, and no more
        work.named(info.filename, info.file_size)
        return
    try:
        first = start(archive, info, work)
        if forms.form(first, info.filename) in forms.READABLE:
            work.inside(info.filename, whole(archive, info, work))
        else:
            work.inside(info.filename, first, size=info.file_size)
    except Damaged as error:
        work.named(info.filename, info.file_size, unreadable=error.why)


def tar(work: Work, data: bytes) -> None:
    """Links and devices are names."""
    _tar(work, io.BytesIO(data))


def packed(work: Work, data: bytes) -> None:
    """One file, or a tar of many."""
    with _opened(work.sheet.form, io.BytesIO(data)) as stream:
        try:
            first = stream.read(1024)
        except _ERRORS as error:
            raise Damaged(saying("it cannot be unpacked ({error})", error=type(error).__name__)) from None
        counted = io.BufferedReader(_Counted(work, first, stream))
        if first[257:262] == _TAR:
            work.sheet.form = "tar"
            _tar(work, counted)
        else:
            work.inside(_without_ending(work.sheet.name), _all(work, counted))


def _opened(form: str, file: io.BytesIO) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    if form == "gz":
        return gzip.GzipFile(fileobj=file)
    return bz2.BZ2File(file) if form == "bz2" else lzma.LZMAFile(file)


def _tar(work: Work, file: IO[bytes]) -> None:
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for info in archive:
                held = archive.extractfile(info) if info.isreg() and info.size <= work.member else None
                if held is not None:
                    work.inside(info.name, held.read())
                elif not info.isdir():
                    large = larger(work.member) if info.isreg() else ""
                    work.named(info.name, info.size, unreadable=large)
    except _ERRORS as error:
        raise Damaged(saying("it cannot be unpacked ({error})", error=type(error).__name__)) from None


def _all(work: Work, file: IO[bytes]) -> bytes:
    data = bytearray()
    try:
        while chunk := file.read(_READ):
            data += chunk
            if len(data) > work.member:
                raise Damaged(unpacks_to(work.member))
    except _ERRORS as error:
        raise Damaged(saying("it cannot be unpacked ({error})", error=type(error).__name__)) from None
    return bytes(data)


def _without_ending(name: str) -> str:
    stem, dot, ending = name.rpartition("/")[2].rpartition(".")
    if not dot:
        return name or "contents"
    return f"{stem}.tar" if ending.lower() in ("tgz", "tbz2", "txz") else stem


class _Counted(io.RawIOBase):
    """What is unpacked, counted as it comes."""

    def __init__(self, work: Work, first: bytes, rest: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile) -> None:
        self._work, self._first, self._rest = work, first, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._first[: len(buffer)] or self._rest.read(len(buffer))
        self._first = self._first[len(buffer) :]
        self._work.spend(len(data))
        buffer[: len(data)] = data
        return len(data)
