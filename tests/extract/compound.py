"""The smallest writer of the old container (MS-CFB): enough for a msg file and a document behind a password."""

import struct

_SECTOR, _SHORTEST = 512, 4096
_END, _FREE, _FAT, _NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF

Tree = dict[str, "bytes | Tree"]


def compound(tree: Tree) -> bytes:
    """Storages are mappings, streams are bytes."""
    entries: list[bytes] = []
    sectors: list[bytes] = []
    fat: list[int] = []

    def chain(data: bytes) -> int:
        if not data:
            return _END
        first = len(sectors)
        pieces = [data[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(data), _SECTOR)]
        sectors.extend(pieces)
        fat.extend([*range(first + 1, first + len(pieces)), _END])
        return first

    def entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
        spelt = name.encode("utf-16-le") + b"\0\0"
        head = spelt.ljust(64, b"\0") + struct.pack("<HBBIII", len(spelt), kind, 1, _NONE, right, child)
        return head + bytes(16 + 4 + 16) + struct.pack("<IQ", start, size)

    def place(name: str, node: "bytes | Tree", kind: int, at: int, right: int) -> None:
        if isinstance(node, bytes):  # shorter ones would stand in a stream of their own kind
            node = node.ljust(_SHORTEST, b"\0" if b"\0" in node else b" ")
            entries[at] = entry(name, kind, right, _NONE, chain(node), len(node))
            return
        numbers = list(range(len(entries), len(entries) + len(node)))
        entries.extend([b""] * len(node))
        entries[at] = entry(name, kind, right, numbers[0] if numbers else _NONE, 0 if kind == 1 else _END, 0)
        for number, after, (inner, value) in zip(numbers, [*numbers[1:], _NONE], node.items(), strict=False):
            place(inner, value, 2 if isinstance(value, bytes) else 1, number, after)

    entries.append(b"")
    place("Root Entry", tree, 5, 0, _NONE)
    directory = chain(b"".join(entries).ljust(-(-len(entries) // 4) * _SECTOR, b"\0"))
    tables = 1
    while tables * 128 < len(fat) + tables:
        tables += 1
    at = len(sectors)
    fat += [_FAT] * tables
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(tables * _SECTOR, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, tables, directory, 0, _SHORTEST, _END, 0, _END, 0)
    head += struct.pack("<109I", *range(at, at + tables), *[_FREE] * (109 - tables))
    return head + b"".join(sectors) + table


def msg() -> bytes:
    """A message with a body, a recipient and an attached file."""

    def wide(number: str, text: str) -> tuple[str, bytes]:
        return f"__substg1.0_{number}001F", text.encode("utf-16-le")

    recipient: Tree = dict([wide("3001", "Kim"), wide("39FE", "plantedrecipient@client.example")])
    attached: Tree = dict([wide("3707", "plantedfilename.txt"), ("__substg1.0_37010102", b"plantedattached")])
    return compound({
        "__properties_version1.0": bytes(32), **dict([wide("0037", "plantedsubject"), wide("1000", "plantedbody")]),
        "__substg1.0_10130102": b"<html><body><p>plantedhtml</p></body></html>",
        "__recip_version1.0_#00000000": recipient, "__attach_version1.0_#00000000": attached,
    })  # fmt: skip


def locked_office() -> bytes:
    """What Word, Excel and PowerPoint write for a document with a password (MS-OFFCRYPTO)."""
    return compound({"EncryptionInfo": bytes(64), "EncryptedPackage": bytes(5000)})
