"""Conditions about files and what is in them: what each must see, and what is just beside it."""

# ruff: noqa: E501 - tables

import base64
from dataclasses import replace
from typing import Any

import pytest

from mailguard.errors import CannotTell
from mailguard.extract import dispatch
from mailguard.extract.limits import Limits
from mailguard.locale import language
from mailguard.mail.attachments import files
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.records import Content, Match, Need, Piece
from mailguard.rules import sample
from mailguard.rules.facts import Facts
from mailguard.rules.testfile import Case
from tests.extract import containers
from tests.extract.make_documents import DOCUMENTS
from tests.unit.rules.judge import ask, facts, judge, rule

EXE = "MZ\x90" + "\0" * 100
KIM, WARD = "kim@client.example", "ward@rival.example"


def attached(*names: str | tuple[str, bytes], **message: Any) -> Facts:
    """A mail with these documents, or bytes of one's own, looked into as a worker does."""
    parts = [(name, (DOCUMENTS / name).read_bytes()) if isinstance(name, str) else name for name in names]
    specs = [{"name": name, "text": f"{number}"} for number, (name, _) in enumerate(parts)]
    found = facts(attach=specs, **message)
    raw = bytes(found.message.raw)
    for number, (_, data) in enumerate(parts):  # as it stands in a mail: a test file only takes text and paths
        raw = raw.replace(_encoded(f"{number}".encode()), _encoded(data), 1)
    found = replace(found, reading=Reading(type(found.message)(raw)))
    letter = found.message
    read = tuple(_content(part.filename, letter.decode(part, 1 << 26)) for part, _ in files(letter))
    return found.knowing(contents=read)


def _encoded(data: bytes) -> bytes:
    return b"\n\n".join((b"", base64.encodebytes(data))).replace(b"\n", b"\r\n")


def _content(name: str, data: bytes) -> Content:
    pieces: list[Piece] = []
    inside = dispatch.read(name, "", data, Limits(), lambda *said: pieces.append(Piece(*said)))
    return Content(tuple(inside), tuple(pieces))


def zipped(**members: bytes) -> bytes:
    return containers.zipped({name.replace("_", "."): data for name, data in members.items()})


BROKEN = zipped(a_txt=b"plantedtext" * 100)[:60]
CASES: list[tuple[str, tuple[Any, ...], str | None]] = [
    ("{name: '*.exe'}", (("a.zip", zipped(setup_exe=b"MZ")),), "1 file: setup.exe in a.zip"),
    ("{name: '*.exe'}", (("a.zip", zipped(setup_txt=b"MZ")),), None),
    ("{name: 'plan*'}", (("a.zip", containers.zipped({"2026/plan.xlsx": b""})),), "1 file: 2026/plan.xlsx in a.zip"),
    ("{type: executable}", (("a.pdf", EXE.encode("latin-1")),), "1 attachment of type executable: a.pdf"),
    ("{type: executable}", (("a.zip", zipped(tool_dat=EXE.encode("latin-1"))),), "1 file of type executable: tool.dat in a.zip"),
    ("{type: executable}", (("a.zip", zipped(tool_dat=b"harmless")),), None),
    ("{type: executable}", (("a.zip", zipped(install_js=b"alert('hello')")),), "1 file of type executable: install.js in a.zip"),
    ("{encrypted: true}", ("locked.odt",), "1 attachment with a password: locked.odt"),
    ("{encrypted: true}", ("text.odt",), None),
    ("{encrypted: true}", ("locked.pdf",), "1 attachment with a password: locked.pdf"),
    ("{encrypted: true}", ("restricted.pdf",), None),
    ("{encrypted: true}", (("a.zip", containers.zipped({"b.7z": (DOCUMENTS / "locked.7z").read_bytes()})),), "3 files with a password: b.7z in a.zip, b.7z/plantedfilename.txt in a.zip, b.7z/plantedsecond.csv in a.zip"),
    ("{macros: true}", ("macro.odt",), "1 attachment with macros: macro.odt"),
    ("{macros: true}", ("text.docx",), None),
    ("{mismatch: true}", (("invoice.pdf", EXE.encode("latin-1")),), "1 attachment that is not what its name says: invoice.pdf (a Windows program)"),
    ("{mismatch: true}", (("export.xls", b"<html><table></table></html>"),), None),
    ("{mismatch: true}", ("text.docx", "sheets.xls", "text-printed.pdf"), None),
    ("{unreadable: true}", (("a.zip", BROKEN),), "1 attachment that could not be read: a.zip (its directory cannot be read (BadZipFile))"),
    ("{unreadable: true}", ("text.docx", "locked.odt", ("a.bin", bytes(50))), None),
    ("{count: 3}", ("text.odt", "text.docx", "text.rtf"), "3 attachments: text.odt, text.docx, text.rtf"),
    ("{count: 3}", ("text.odt", "text.docx"), None),
    ("{count: 2, type: pdf}", ("text.odt", "restricted.pdf"), None),
    ("{total_larger_than: 20KB}", (("a.bin", bytes(12 << 10)), ("b.bin", bytes(12 << 10))), "2 attachments, 24 KB together: a.bin, b.bin"),
    ("{total_larger_than: 24KB}", (("a.bin", bytes(12 << 10)), ("b.bin", bytes(12 << 10))), None),
    ("{larger_than: 1MB}", (("a.zip", zipped(a_bin=bytes(2 << 20))),), "1 file over 1 MB: a.bin in a.zip"),
    ("{larger_than: 1MB}", (("a.zip", zipped(a_bin=bytes(1 << 19))),), None),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "names", "reason"), CASES)
def test_a_file_or_one_inside_it_has_all_that_is_asked(keys: str, names: tuple[Any, ...], reason: str | None) -> None:
    match = ask(f"{{attachment: {keys}}}", attached(*names))
    assert (match and match.reason) == reason


@pytest.mark.parametrize(
    ("keys", "file", "said"),
    [
        ("{unreadable: true}", ("a.zip", BROKEN), "1 Anhang nicht lesbar: a.zip (ihr Verzeichnis ist nicht lesbar (BadZipFile))"),
        ("{mismatch: true}", ("x.pdf", EXE.encode("latin-1")), "1 Anhang mit anderem Inhalt, als der Name sagt: x.pdf (ein Windows-Programm)"),
    ],
)  # fmt: skip
def test_a_reason_is_in_the_readers_language_to_its_end(keys: str, file: tuple[str, bytes], said: str) -> None:
    match = ask(f"{{attachment: {keys}}}", attached(file))
    assert match is not None
    assert language("de").tell(match.reason) == said


def test_what_cannot_be_read_cannot_be_told_unless_that_is_what_is_asked() -> None:
    broken = attached(("a.zip", BROKEN))
    for when in ("{name: '*.exe'}", "{macros: true}", "{type: executable}"):
        with pytest.raises(CannotTell, match=r"a\.zip could not be read"):
            ask(f"{{attachment: {when}}}", broken)
    assert ask("{attachment: {type: archive}}", broken) is not None
    for when in ("words: {any: [x], %s}", "pattern: {re: x, %s}", "identifier: {kind: iban, %s}", "secret: {%s}"):
        with pytest.raises(CannotTell):
            ask(f"{{{when % 'in: [attachments]'}}}", broken)
        assert ask(f"{{{when % 'in: [file_names]'}}}", broken) is None


@pytest.mark.parametrize(
    ("name", "word", "where"),
    [
        ("text.docx", "plantedcomment", "a comment of text.docx"),
        ("text.docx", "plantedhidden", "hidden or deleted text of text.docx"),
        ("sheets.xlsx", "plantedhidden", "hidden or deleted text of sheets.xlsx"),
        ("slides.pptx", "plantednotes", "the notes of slides.pptx"),
        ("text.rtf", "plantedheader", "a header or footer of text.rtf"),
        ("text-printed.pdf", "plantedbody", "the text of text-printed.pdf"),
        ("text.odt", "plantedtitle", "the properties of text.odt"),
        ("single.7z", "plantedcell", "the text of single.7z/plantedsecond.csv"),
        ("single.7z", "plantedfilename", "the name of a file in single.7z"),
        ("text.odt", "text", "a file name"),
    ],
)
def test_a_word_in_a_file_says_where(name: str, word: str, where: str) -> None:
    found = attached(name)
    match = ask(f"{{words: {{any: [{word}], in: [attachments]}}}}", found)
    assert match is not None
    assert match.evidence[0] == (where, word)
    match = ask(f"{{pattern: {{re: '{word}', in: [attachments]}}}}", found)
    assert match is not None
    assert match.evidence[0] == (where, word)


IBAN, KEY = "PL61109010140000071219812874", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA%s"


def test_numbers_and_secrets_in_files_say_where_and_count_once() -> None:
    letter = attached(("a.txt", f"Account: {IBAN}".encode()), ("b.csv", f"x;y\n1;{IBAN}\n".encode()))
    match = ask("{identifier: {kind: iban, in: [attachments]}}", letter)
    assert match is not None
    assert match.reason == "IBAN in the text of a.txt and the text of b.csv"
    assert [where for where, _ in match.evidence] == ["the text of a.txt", "the text of b.csv"]
    assert ask("{identifier: {kind: iban, in: [attachments], at_least: 2}}", letter) is None
    keys = [(f"{name}.txt", (KEY % name).encode()) for name in ("one", "two")]
    match = ask("{secret: {in: [attachments], at_least: 2}}", attached(*keys))
    assert match is not None
    assert match.reason == "a private key in the text of one.txt and the text of two.txt"
    assert ask("{secret: {in: [attachments], at_least: 2}}", attached(*keys[:1], ("copy.txt", keys[0][1]))) is None


def test_a_disguised_hit_of_a_pattern_names_its_file() -> None:
    letter = attached(("a.txt", "nothing, zażółć".encode()), ("b.txt", "PR\u200bJ-1234".encode()))
    match = ask("{pattern: {re: 'PRJ-[0-9]{4}', in: [attachments]}}", letter)
    assert match is not None
    assert match.evidence == (("the text of b.txt", "PRJ-1234"),)


def signed(subject: str = "Plan") -> Facts:
    """A mail that is nothing but its signature, with the mail inside."""
    inner = b"Content-Type: text/plain\r\n\r\nplantedbody\r\n\r\nOn Monday 1 March 2026, Ann <a@b.example> wrote:\r\n> plantedquoted\r\n"
    data = containers.signed(inner)
    head = f"From: ann@corp.example\r\nTo: {KIM}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    head += "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    found = replace(
        facts(to=KIM), reading=Reading(Message(head.encode() + base64.encodebytes(data).replace(b"\n", b"\r\n")))
    )
    return found.knowing(contents=(_content("smime.p7m", data),))


def test_the_text_of_a_mail_inside_its_signature_is_its_text() -> None:
    match = ask("{words: {any: [plantedbody], in: [body]}}", signed())
    assert match is not None
    assert match.evidence == (("the text", "plantedbody"),)
    assert ask("{words: {any: [plantedquoted], in: [body]}}", signed()) is None
    assert ask("{words: {any: [plantedquoted], in: [quoted]}}", signed()) is not None
    assert ask("{attachment: {type: encrypted}}", signed()) is None
    assert ask("{attachment: {encrypted: true}}", signed()) is None


def test_file_names_are_only_the_names_and_nothing_is_read_for_them() -> None:
    found = attached("text.docx")
    assert ask("{words: {any: [plantedbody], in: [file_names]}}", found) is None
    assert ask("{words: {any: [text], in: [file_names]}}", found) is not None
    assert Need.CONTENTS not in found.wanted


@pytest.mark.parametrize(
    ("when", "message", "wants"),
    [
        ("{attachment: {type: pdf}}", {"attach": [{"name": "a.pdf", "text": "%PDF-"}]}, False),
        ("{attachment: {type: executable}}", {"attach": [{"name": "a.pdf", "text": "%PDF-"}]}, False),
        ("{attachment: {type: executable}}", {"attach": [{"name": "a.zip", "text": "PK\x03\x04"}]}, True),
        ("{attachment: {macros: true}}", {"html": "<p>a newsletter</p>"}, False),
        ("{words: {any: [x], in: [attachments]}}", {"html": "<p>a newsletter</p>"}, False),
        ("{words: {any: [x], in: [attachments]}}", {"attach": [{"name": "a.pdf", "text": "%PDF-"}]}, True),
        ("{to: {any: external}, attachment: {macros: true}}", {"attach": [{"name": "a.doc", "text": "x"}]}, False),
    ],
)
def test_files_are_read_only_when_something_asks_for_what_only_reading_tells(
    when: str, message: dict[str, Any], wants: bool
) -> None:
    found = facts(**message)
    ask(when, found)
    assert (Need.CONTENTS in found.wanted) is wants


BIG = "x" * 2000


@pytest.mark.parametrize(
    ("before", "to", "hit"),
    [
        (["rival.example"], [KIM], {KIM}),
        (["rival.example"], [KIM, "bob@corp.example"], {KIM}),
        (["client.example"], [KIM], set()),
        (["client.example", "rival.example"], [KIM], set()),
        (["rival.example"], ["bob@corp.example"], set()),  # inside it may be anywhere
        (["rival.example", "a.example", "b.example"], [KIM], set()),  # what went to everybody is a brochure
        ([], [KIM], set()),
    ],
)
def test_a_file_known_elsewhere_went_to_others_only(before: list[str], to: list[str], hit: set[str]) -> None:
    given = {"files": [{"name": "offer.pdf", "to": before}]} if before else {}
    case = {"name": "a", "expect": {"verdict": "pass"}, "given": given}
    found = facts(to=to, attach=[{"name": "offer.pdf", "text": BIG}])
    case |= {"message": {"to": to, "attach": [{"name": "offer.pdf", "text": BIG}]}}
    found = found.knowing(sent_files=sample.sent_files(Case.model_validate(case), found.reading))
    match = ask("{attachment: {known_elsewhere: true}}", found)
    assert (match.recipients if match else frozenset()) == hit
    if match:
        assert match.reason == "1 attachment known from somebody else: offer.pdf (so far it went to rival.example only)"


@pytest.mark.parametrize(
    "attach",
    [
        {"name": "logo.png", "type": "image/png", "text": "\x89PNG" + BIG},
        {"name": "me.vcf", "type": "text/vcard", "text": BIG},
        {"name": "form.txt", "text": "short"},
        {"name": "invite.ics", "type": "text/calendar", "text": BIG},
    ],
)
def test_what_everybody_sends_around_is_not_remembered(attach: dict[str, Any]) -> None:
    found = facts(to=KIM, attach=[attach])
    assert found.reading.digests == (b"",)
    assert found.sent_files == {}


# --- invitations ----------------------------------------------------------------------------------------------


def invitation(method: str, to: str = "bob@corp.example") -> Facts:
    lines = [
        "BEGIN:VCALENDAR", f"METHOD:{method}", "BEGIN:VEVENT", "ORGANIZER:mailto:ann@corp.example",
        'ATTENDEE;CN="Kim: the client";RSVP=TRUE:mailto:kim@client', " .example", "ATTENDEE:mailto:bob@corp.example",
        "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return facts(to=to, attach=[{"name": "invite.ics", "type": "text/calendar", "text": "\r\n".join(lines)}])


def test_an_attendee_is_a_recipient_too_and_the_reason_says_how() -> None:
    match = ask("{recipients: {any: external}}", invitation("REQUEST"))
    assert match == Match(
        f"1 recipient outside the organization: {KIM}; named in the invitation only: {KIM}", frozenset({KIM})
    )
    assert ask("{recipient_count: {at_least: 2}}", invitation("REQUEST")) is not None


def test_an_attendee_is_in_no_header_and_an_answer_names_nobody_new() -> None:
    assert ask("{to: {any: external}}", invitation("REQUEST")) is None
    assert ask("{recipient_count: {at_least: 2, in: [to]}}", invitation("REQUEST")) is None
    assert ask("{recipients: {any: external}}", invitation("REPLY")) is None
    assert ask("{recipients: {any: external}}", invitation("PUBLISH")) is None
    match = ask("{recipients: {any: external}}", invitation("REQUEST", to=KIM))
    assert match is not None
    assert "invitation" not in match.reason


def test_a_delay_about_attendees_alone_covers_the_mail() -> None:
    """`copies: matching` must not let it pass because none of its copies goes to them."""
    text = rule("{recipients: {any: external}}", "[{delay: {for: 5m, copies: matching}}]")
    assert set(judge(text, invitation("REQUEST")).waits) == {"bob@corp.example"}
