"""`mailguard history`: past mail is taught once, tried on a budget, shown and erased; what is no mail is named."""

import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailguard.cli import cli
from mailguard.cli.common import Context

ANN, LEE, PAT, KIM = "ann@corp.example", "lee@corp.example", "pat@corp.example", "kim@client.example"
NOW = datetime.now(UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Context(), env={"MAILGUARD_CONFIG": ""})


def mail(number: int, to: str, subject: str, *, sender: str = ANN, at: datetime | None = None) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(at or NOW - timedelta(days=200 - number))
    message["Message-ID"] = f"<{number}@corp.example>"
    message.set_content(f"{subject}\n")
    return message.as_bytes()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert run("init", str(tmp_path)).exit_code == 0
    return tmp_path


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    """120 mails of Ann's, and all that nobody should have to read."""
    usual = [(f"{LEE}, {PAT}", "Planning"), (KIM, "Minutes"), (LEE, "Lunch")]
    mails = [mail(number, *usual[number % 3]) for number in range(120)]
    mails += [
        mail(500, LEE, "From outside", sender=KIM),
        mail(501, LEE, "1970", at=datetime(1970, 1, 1, tzinfo=UTC)),
        mail(502, LEE, "2038", at=datetime(2038, 1, 19, tzinfo=UTC)),
        b"Subject: nobody sent it\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nTo: lee@corp.example\n\nx\n",
        b"From: ann@corp.example\nTo: lee@corp.example\n\nno date\n",
        b"From: ann@corp.example\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nto nobody\n",
        b"\xff\xfe\x00 broken",
    ]
    path = tmp_path / "sent.mbox"
    path.write_bytes(
        b"".join(b"From - Mon Mar  2 10:00:00 2026\n" + one.replace(b"\r", b"") + b"\n\n" for one in mails)
    )
    return path


def history(home: Path, *arguments: str) -> Result:
    return run("--config", str(home / "mailguard.yaml"), "history", *arguments)


def test_past_mail_is_learnt_once(home: Path, mbox: Path) -> None:
    assert run("--config", str(home / "mailguard.yaml"), "db", "migrate").exit_code == 0
    done = history(home, "import", str(mbox))
    assert done.exit_code == 0, done.output
    assert "120 mails learnt" in done.output
    assert "passed over: 2 that nobody of" in done.output
    assert "passed over: 2 with a Date that cannot be" in done.output
    assert done.output.count("not read:") == 3
    assert "0 mails learnt" in history(home, "import", str(mbox)).output


def test_a_person_is_shown_without_a_word_of_text_and_erased(home: Path, mbox: Path) -> None:
    history(home, "import", str(mbox))
    shown = [json.loads(line) for line in history(home, "show", ANN).output.splitlines()]
    assert len(shown) == 120
    assert shown[0].keys() == {"at", "from", "to", "cc", "thread", "words", "scores"}
    assert "Planning" not in str(shown)
    assert len(history(home, "show", LEE).output.splitlines()) == 80, "what Lee got"
    assert history(home, "forget", ANN, "--yes").exit_code == 0
    assert history(home, "show", ANN).output == ""
    assert history(home, "show", LEE).output == ""


def test_a_budget_is_tried_on_past_mail(home: Path, mbox: Path) -> None:
    done = history(home, "evaluate", str(mbox), "--alarms", "1 in 20 mails")
    assert done.exit_code == 0, done.output
    assert "1 in 20 mails" in done.output
    assert "20 of 120 mails judged, of 1 senders" in done.output
    assert 'write "1 in 100 mails"' in history(home, "evaluate", str(mbox), "--alarms", "5%").output


def test_too_little_mail_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(mail(1, KIM, "Hello"))
    done = history(home, "evaluate", str(tmp_path / "one.eml"))
    assert "not enough of any sender" in done.output


SEPARATOR = b"From - Mon Mar  2 10:00:00 2026\n"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"From",
        SEPARATOR * 50,
        SEPARATOR + b"\x00" * 5000,
        SEPARATOR + b"x" * (2 << 20),
        SEPARATOR + b"To: " + b"(" * 100_000 + b"\n\n",
        SEPARATOR + b"From: ann@corp.example\nDate: Mon, 2 Mar 99999 10:00:00 +9999\nTo: lee@corp.example\n\nx",
        SEPARATOR + b"From: =?utf-8?q?=ff=fe?= <@@>, ;;\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nTo: ,,,\n\n",
    ],
)  # fmt: skip
def test_an_mbox_that_is_torn_stops_nothing(home: Path, tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "torn.mbox"
    whole = SEPARATOR + mail(1, LEE, "Whole").replace(b"\r", b"") + b"\n\n"
    path.write_bytes(whole + broken + b"\n\n" + whole.replace(b"<1@", b"<2@") + whole[:60])
    done = history(home, "import", str(path))
    assert done.exit_code == 0, done.output
    assert "2 mails learnt" in done.output
    assert history(home, "evaluate", str(path)).exit_code == 0
