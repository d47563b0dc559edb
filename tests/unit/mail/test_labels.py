"""Labels as the programs that set them write them."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.mail.kind import is_confidential
from mailguard.mail.labels import labels
from mailguard.mail.message import Message
from tests.unit.rules.judge import ask, facts

ID = "f42aa342-8706-4288-bd11-ebb85995028c"
OTHER = "87867195-f2b8-4ac2-b0b6-6bb73cb33afc"


def msip(name: str, enabled: str = "True", number: str = ID) -> str:
    at = f"MSIP_Label_{number}_"
    return f"{at}Enabled={enabled};{at}SiteId=x;{at}SetDate=2026-11-20T10:00:00Z;{at}Name={name};{at}ContentBits=0;"


def titus(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("header", "value", "names", "confidential"),
    [
        ("msip_labels", msip("Confidential"), ["Confidential"], True),
        ("msip_labels", msip(r"Highly Confidential\All Employees"), [r"Highly Confidential\All Employees"], True),
        ("msip_labels", msip("Confidential", "False"), [], False),
        ("msip_labels", msip("Public") + msip("Poufne", number=OTHER), ["Public", "Poufne"], True),
        ("msip_labels", msip("Non-Confidential"), ["Non-Confidential"], False),
        ("msip_labels", msip(r"General\Anyone (unrestricted)"), [r"General\Anyone (unrestricted)"], False),
        ("msip_labels", "Confidential", [], False),
        ("X-Classification", "Secret", ["Secret"], True),
        ("X-Classification", "Public", ["Public"], False),
        ("X-Titus-Labels", "Classification=Vertraulich;Project=X", ["Vertraulich", "X"], True),
        ("X-TITUS-Metadata-40", titus({"tags": {"Class": "Confidentiel"}}), ["Confidentiel"], True),
        ("X-TITUS-Metadata-40", "not base64!", [], False),
        ("X-Protective-Marking", "VER=2018.6, NS=gov.au, SEC=PROTECTED, ORIGIN=a@b.au", ["PROTECTED"], True),
        ("X-Protective-Marking", "VER=2018.6, NS=gov.au, SEC=OFFICIAL, ORIGIN=a@b.au", ["OFFICIAL"], False),
    ],
)
def test_a_label_is_read(header: str, value: str, names: list[str], confidential: bool) -> None:
    message = Message(f"{header}: {value}\r\n\r\n".encode())
    assert [label.name for label in labels(message)] == names
    assert is_confidential(message) is confidential


@given(st.binary(max_size=400))
def test_no_header_makes_it_stumble(value: bytes) -> None:
    for name in (b"msip_labels", b"X-TITUS-Metadata-40", b"X-Protective-Marking", b"X-Titus-Labels"):
        labels(Message(name + b": " + value + b"\r\n\r\n"))


def test_a_rule_asks_for_a_name_a_step_of_it_or_its_id() -> None:
    found = facts(headers={"msip_labels": msip(r"Confidential\All Employees")})
    for name in ("confidential", r"Confidential\All Employees", "all employees", ID):
        match = ask(f"{{label: {{any: ['{name}']}}}}", found)
        assert match is not None
        assert "Confidential" in match.reason
    assert ask("{label: {any: [Conf, Public]}}", found) is None
    assert ask("{message: {is: confidential}}", found) is not None


def test_a_rule_asks_whether_there_is_a_label_at_all() -> None:
    assert ask("{label: {present: false}}", facts()) is not None
    assert ask("{label: {present: true}}", facts()) is None
    assert ask("{label: {present: true}}", facts(headers={"X-Classification": "Public"})) is not None
