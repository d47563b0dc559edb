"""7z (7zFormat.txt of the LZMA SDK), as far as Python's own decompressors go: names always, contents of the usual ones.

A library for it brings nine others and a cipher along; names and LZMA, LZMA2, bzip2 and deflate are what is needed.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mailguard.extract.work import Damaged, Locked, Work, larger
from mailguard.locale import saying

_READ = 64 * 1024
_MOST = 1_000_000  # of anything that is counted in a header
_END, _HEADER, _ARCHIVE, _STREAMS, _FILES, _PACK, _UNPACK, _SUBS = 0, 1, 2, 4, 5, 6, 7, 8
_SIZE, _CRC, _FOLDER, _CODERS_SIZE, _COUNT, _EMPTY, _NAMES, _ENCODED = 9, 10, 11, 12, 13, 14, 17, 23
_COPY, _LZMA, _LZMA2, _DELTA, _DEFLATE, _BZIP2 = b"\0", b"\3\1\1", b"\x21", b"\3", b"\4\1\x08", b"\4\2\2"
_PACKERS = (lzma.FILTER_LZMA1, lzma.FILTER_LZMA2)
_AES = b"\6\xf1\7\1"
_BRANCHES = {
    b"\3\3\1\3": lzma.FILTER_X86, b"\3\3\2\5": lzma.FILTER_POWERPC, b"\3\3\5\1": lzma.FILTER_ARM,
    b"\3\3\7\1": lzma.FILTER_ARMTHUMB, b"\3\3\x08\5": lzma.FILTER_SPARC,
}  # fmt: skip


@dataclass(slots=True)
class _Folder:
    """A stream of several files, and how it was packed."""

    coders: list[tuple[bytes, bytes]] = field(default_factory=list)  # method, properties
    packed: int = 1  # streams it is made of
    outputs: int = 0
    sizes: list[int] = field(default_factory=list)  # after each coder
    last: int = 0  # the output that is the result
    checked: bool = False
    files: list[int] = field(default_factory=list)  # their sizes

    @property
    def locked(self) -> bool:
        return any(method == _AES for method, _ in self.coders)


@dataclass(slots=True)
class _Streams:
    at: int = 0
    packed: list[int] = field(default_factory=list)
    folders: list[_Folder] = field(default_factory=list)


def read(work: Work, data: bytes) -> None:
    """Locked when even its names are encrypted."""
    try:
        names, streams = _directory(work, data)
    except (IndexError, struct.error, ValueError, lzma.LZMAError, OSError, EOFError, zlib.error) as error:
        raise Damaged(saying("its directory cannot be read ({error})", error=type(error).__name__)) from None
    for name, empty in names:
        if empty:
            work.named(name, 0)
    kept = (name for name, empty in names if not empty)
    for folder, packed in _packed(data, streams):
        _contents(work, folder, packed, kept)


def _contents(work: Work, folder: _Folder, packed: list[bytes], names: Iterator[str]) -> None:
    if folder.locked:
        work.sheet.encrypted = True
    chunks: Iterator[bytes] | None = None
    why = ""
    try:
        chunks = None if folder.locked else _unpacked(work, folder, packed)
    except NotImplementedError:  # of another form than is read here: there are names, and no more
        for size in folder.files:
            work.named(next(names, ""), size)
        return
    stream = _Stream(chunks) if chunks is not None else None
    for size in folder.files:
        name = next(names, "")
        if stream is None or size > work.member:
            work.named(name, size, encrypted=folder.locked, unreadable=why or _large(size, work))
            why = why or (saying("it stands behind a file that is too large") if not folder.locked else "")
            stream = None
            continue
        try:
            held = stream.take(size)
        except (lzma.LZMAError, OSError, EOFError, zlib.error, ValueError) as error:
            why, stream = saying("it cannot be unpacked ({error})", error=type(error).__name__), None
            work.named(name, size, unreadable=why)
        else:
            work.inside(name, held)


def _large(size: int, work: Work) -> str:
    return larger(work.member) if size > work.member else ""


def _directory(work: Work, data: bytes) -> tuple[list[tuple[str, bool]], _Streams]:
    offset, size = struct.unpack_from("<QQ", data, 12)
    head = data[32 + offset : 32 + offset + size]
    for _ in range(4):
        reader = _Reader(head)
        kind = reader.byte()
        if kind == _HEADER:
            return _header(reader)
        if kind != _ENCODED:
            raise ValueError("neither a header nor a packed one")
        streams = _streams(reader)
        folder, packed = next(_packed(data, streams))
        if folder.locked:
            raise Locked
        head = _Stream(_unpacked(work, folder, packed)).take(folder.sizes[folder.last])
    raise ValueError("headers in headers")


def _header(reader: _Reader) -> tuple[list[tuple[str, bool]], _Streams]:
    streams, names = _Streams(), list[tuple[str, bool]]()
    while (kind := reader.byte()) != _END:
        if kind == _ARCHIVE:
            while reader.byte() != _END:
                reader.skip(reader.number())
        elif kind == _STREAMS:
            streams = _streams(reader)
        elif kind == _FILES:
            names = _files(reader)
        else:
            raise ValueError("an unknown part")
    return names, streams


def _files(reader: _Reader) -> list[tuple[str, bool]]:
    count = reader.count()
    empty, names = [False] * count, [""] * count
    while (kind := reader.byte()) != _END:
        size = reader.number()
        inner = _Reader(reader.take(size))
        if kind == _EMPTY:
            empty = inner.bits(count)
        elif kind == _NAMES and inner.byte() == 0:
            names = inner.rest().decode("utf-16-le", "replace").split("\0")[:count]
    return list(zip(names, empty, strict=False))


def _streams(reader: _Reader) -> _Streams:
    found = _Streams()
    while (kind := reader.byte()) != _END:
        if kind == _PACK:
            _pack(reader, found)
        elif kind == _UNPACK:
            _folders(reader, found)
        elif kind == _SUBS:
            _substreams(reader, found.folders)
        else:
            raise ValueError("an unknown part")
    for folder in found.folders:
        folder.files = folder.files or [folder.sizes[folder.last]]
    return found


def _pack(reader: _Reader, found: _Streams) -> None:
    found.at, count = reader.number(), reader.count()
    while (kind := reader.byte()) != _END:
        if kind == _SIZE:
            found.packed = [reader.number() for _ in range(count)]
        elif kind == _CRC:
            reader.digests(count)


def _folders(reader: _Reader, found: _Streams) -> None:
    if reader.byte() != _FOLDER:
        raise ValueError("no folders")
    count = reader.count()
    if reader.byte():
        raise ValueError("folders elsewhere")
    found.folders = [_folder(reader) for _ in range(count)]
    while (kind := reader.byte()) != _END:
        if kind == _CODERS_SIZE:
            for folder in found.folders:
                folder.sizes = [reader.number() for _ in range(folder.outputs)]
        elif kind == _CRC:
            for folder, known in zip(found.folders, reader.digests(count), strict=True):
                folder.checked = known


def _folder(reader: _Reader) -> _Folder:
    folder, inputs = _Folder(), 0
    for _ in range(reader.count(32)):
        flags = reader.byte()
        method = reader.take(flags & 15)
        ins, outs = (reader.count(32), reader.count(32)) if flags & 16 else (1, 1)
        properties = reader.take(reader.number()) if flags & 32 else b""
        folder.coders.append((method, properties))
        inputs, folder.outputs = inputs + ins, folder.outputs + outs
    bound = [(reader.number(), reader.number()) for _ in range(folder.outputs - 1)]
    folder.packed = inputs - len(bound)
    if folder.packed > 1:
        for _ in range(folder.packed):
            reader.number()
    folder.last = next(at for at in range(folder.outputs) if at not in {out for _, out in bound})
    return folder


def _substreams(reader: _Reader, folders: list[_Folder]) -> None:
    counts = [1] * len(folders)
    kind = reader.byte()
    if kind == _COUNT:
        counts, kind = [reader.count() for _ in folders], reader.byte()
    for folder, count in zip(folders, counts, strict=True):
        sizes = [reader.number() for _ in range(count - 1)] if kind == _SIZE else []
        folder.files = [*sizes, folder.sizes[folder.last] - sum(sizes)] if count else []
    if kind == _SIZE:
        kind = reader.byte()
    unknown = sum(count for folder, count in zip(folders, counts, strict=True) if not (count == 1 and folder.checked))
    while kind != _END:
        if kind == _CRC:
            reader.digests(unknown)
        kind = reader.byte()


def _packed(data: bytes, streams: _Streams) -> Iterator[tuple[_Folder, list[bytes]]]:
    at, number = 32 + streams.at, 0
    for folder in streams.folders:
        pieces = []
        for size in streams.packed[number : number + folder.packed]:
            pieces.append(data[at : at + size])
            at += size
        number += folder.packed
        yield folder, pieces


def _unpacked(work: Work, folder: _Folder, packed: list[bytes]) -> Iterator[bytes]:
    """NotImplementedError for what Python cannot unpack."""
    if len(packed) != 1 or len(folder.coders) > 3:  # noqa: PLR2004 - a filter or two before the packer
        raise NotImplementedError
    methods = [method for method, _ in folder.coders]
    if methods == [_COPY]:
        return iter([packed[0]])
    if methods == [_DEFLATE]:
        return _pump(work, _Deflate(), packed[0])
    if methods == [_BZIP2]:
        return _pump(work, bz2.BZ2Decompressor(), packed[0])
    filters = sorted((_filter(*coder) for coder in folder.coders), key=lambda one: one["id"] in _PACKERS)
    return _pump(work, lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), packed[0])


def _filter(method: bytes, properties: bytes) -> dict[str, Any]:
    if method in _BRANCHES:
        return {"id": _BRANCHES[method]}
    if method == _DELTA:
        return {"id": lzma.FILTER_DELTA, "dist": properties[0] + 1}
    if method == _LZMA2:
        bits = properties[0]
        return {"id": lzma.FILTER_LZMA2, "dict_size": (2 | bits & 1) << (bits // 2 + 11) if bits < 40 else 0xFFFFFFFF}  # noqa: PLR2004
    if method == _LZMA:
        code, size = struct.unpack("<BI", properties[:5])
        return {
            "id": lzma.FILTER_LZMA1,
            "dict_size": max(size, 4096),
            "lc": code % 9,
            "lp": code // 9 % 5,
            "pb": code // 45,
        }
    raise NotImplementedError


def _pump(work: Work, unpacker: Any, data: bytes) -> Iterator[bytes]:
    while not unpacker.eof:
        chunk = unpacker.decompress(data, _READ)
        if not chunk and not data:
            return
        data = b""
        work.spend(len(chunk))
        yield chunk


class _Deflate:
    """zlib's decompressor with the face of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(-15)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._zlib.decompress(data or self._zlib.unconsumed_tail, most)


class _Stream:
    """Chunks, taken in other lengths."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._held = chunks, bytearray()

    def take(self, size: int) -> bytes:
        while len(self._held) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise EOFError
            self._held += chunk
        data = bytes(self._held[:size])
        del self._held[:size]
        return data


class _Reader:
    """The numbers of a header."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise ValueError("it breaks off")
        self._at += size
        return self._data[self._at - size : self._at]

    def skip(self, size: int) -> None:
        self.take(size)

    def rest(self) -> bytes:
        return self._data[self._at :]

    def number(self) -> int:
        first = self.byte()
        value, mask = 0, 0x80
        for place in range(8):
            if not first & mask:
                return value + ((first & (mask - 1)) << (8 * place))
            value |= self.byte() << (8 * place)
            mask >>= 1
        return value

    def count(self, most: int = _MOST) -> int:
        number = self.number()
        if number > most:
            raise ValueError("there is too much of something")
        return number

    def bits(self, count: int) -> list[bool]:
        data = self.take((count + 7) // 8)
        return [bool(data[at >> 3] & 0x80 >> (at & 7)) for at in range(count)]

    def digests(self, count: int) -> list[bool]:
        known = [True] * count if self.byte() else self.bits(count)
        self.skip(4 * sum(known))
        return known
