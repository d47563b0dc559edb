"""XML read as it comes, element by element. No entity is ever expanded, nothing is ever fetched."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol
from xml.parsers import expat

from mailguard.extract.work import Damaged, Work
from mailguard.locale import saying

_DEPTH = 2000
_READ = 64 * 1024


class Listener(Protocol):
    """Who is told. Names come without their namespace."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None: ...


def walk(chunks: Iterable[bytes], listener: Listener) -> None:
    """Tell the listener. Damaged when it is no XML; what came before has been told."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.buffer_size = _READ
    names: dict[str, str] = {}
    depth = 0

    def local(name: str) -> str:
        if name not in names:
            names[name] = name.rpartition(" ")[2]
        return names[name]

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise Damaged(saying("its XML is nested deeper than {number}", number=_DEPTH))
        listener.start(local(name), {local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        listener.end(local(name))

    def entity(*_: object) -> None:
        raise Damaged(saying("its XML defines entities"))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = listener.text
    parser.EntityDeclHandler = entity
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Damaged(saying("its XML breaks off in line {number}", number=error.lineno)) from None


def member(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo, work: Work) -> Iterator[bytes]:
    """A member in pieces, each counted."""
    try:
        with archive.open(name) as file:
            while chunk := file.read(_READ):
                work.spend(len(chunk))
                yield chunk
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise Damaged(saying("it cannot be unpacked ({error})", error=type(error).__name__)) from None
    except zipfile.zlib.error:  # type: ignore[attr-defined]
        raise Damaged(saying("it cannot be unpacked")) from None


def start(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo, work: Work) -> bytes:
    """As much of a member as it takes to know what it is."""
    return next(member(archive, name, work), b"")


def whole(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo, work: Work) -> bytes:
    """A member at once, as far as it may be held."""
    data = bytearray()
    for chunk in member(archive, name, work):
        data += chunk
        if len(data) > work.member:
            raise Damaged(saying("a file in it is larger than {number} MB", number=work.member >> 20))
    return bytes(data)
