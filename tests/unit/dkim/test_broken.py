"""A signature of ours that our own edits broke is found; one that still holds, or is another's, is not."""

import pytest

from mailguard.dkim.broken import broken
from mailguard.dkim.signer import Signer
from mailguard.mail.headers import AddCc, Edit, Prefix, Prepend, Remove, apply
from tests.unit.dkim.test_signer import BODY, HEAD, signed
from tests.unit.dkim.verifier import OF_CORP, verdicts

SIGNER = Signer(OF_CORP)
RECEIVED = Prepend("Received", "from x\r\n\tby y; today")


def found(mail: bytes, *edits: Edit, other_body: bool = False) -> list[str]:
    before = mail[: -len(BODY)]
    after = apply(before, [RECEIVED, *edits])
    said = [each.selector for each in broken(before, after, SIGNER, other_body=other_body)]
    if not other_body:  # what is found is what a verifier finds
        assert len(said) == verdicts(after + BODY).count(False)
    return said


def test_what_every_mail_gets_breaks_nothing() -> None:
    assert found(signed(), Remove("Bcc")) == []


@pytest.mark.parametrize("edit", [AddCc("zoe@corp.example"), Prefix("[EXT]"), Remove("To")])
def test_an_edit_of_what_is_covered_breaks_all_that_cover_it(edit: Edit) -> None:
    assert found(signed(), edit) == ["rsa1", "ed1"]


def test_another_body_breaks_all() -> None:
    assert found(signed(), other_body=True) == ["rsa1", "ed1"]


@pytest.mark.parametrize("way", ["simple", "relaxed", "relaxed/simple", ""])
def test_each_is_looked_at_in_its_own_form(way: str) -> None:
    said = f" c={way};" if way else ""
    line = f"DKIM-Signature: v=1;{said} d=lab.corp.example; s=old; h=From:\r\n\tto: CC; bh=x; b=y\r\n".encode()
    before = line + HEAD
    assert [each.domain for each in broken(before, apply(before, [RECEIVED]), SIGNER, other_body=False)] == []
    after = apply(before, [AddCc("zoe@corp.example")])
    (one,) = broken(before, after, SIGNER, other_body=False)
    assert (one.domain, one.selector, after[one.field.start : one.field.end]) == ("lab.corp.example", "old", line)
    spaced = before.replace(b"To: kim", b"To:   kim")
    assert bool(broken(before, spaced, SIGNER, other_body=False)) is (way in ("simple", ""))


@pytest.mark.parametrize("domain", [b"client.example", b"notcorp.example", b"example", b""])
def test_what_others_signed_is_theirs(domain: bytes) -> None:
    before = b"DKIM-Signature: v=1; d=" + domain + b"; s=x; h=from:to:cc; bh=x; b=y\r\n" + HEAD
    assert broken(before, apply(before, [AddCc("zoe@corp.example")]), SIGNER, other_body=True) == []


def test_without_keys_nothing_is_looked_for() -> None:
    assert broken(signed(), apply(signed(), [AddCc("zoe@corp.example")]), Signer(), other_body=True) == []
