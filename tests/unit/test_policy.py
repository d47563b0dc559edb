"""The shipped policy: its own tests, and a week of ordinary mail that it must leave alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailguard.extract.process import Worker
from mailguard.history import Learn
from mailguard.intake.facts import gather
from mailguard.mail.domains import Domains
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.mail.message import Message
from mailguard.people import People, empty
from mailguard.records import Action, Familiar, Known, Need, Past, Verdict
from mailguard.rules import tester
from mailguard.rules.engine import evaluate
from mailguard.rules.facts import Facts
from mailguard.rules.loader import load
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.testing import MONDAY
from tests.unit.rules.judge import PEOPLE
from tests.unit.rules.judge import facts as gathered
from tests.unit.rules.judge import rule as written
from tests.unit.rules.judge import rules as parsed

RULES = Path(__file__).parents[2] / "rules"
HOLDS = HoldSettings(fallback="postmaster@corp.example")
POLICY: RuleSet = load([RULES], PEOPLE)


def collect(raw: bytes, envelope: Envelope, identity: Identity, known: Known, at: datetime, people: People) -> Facts:
    return gather(Message(raw), envelope, identity, people, known, at, Learn())


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """Reads attached files."""
    with Worker() as reader:
        yield reader


def test_mail_between_colleagues_is_decided_by_its_addresses() -> None:
    found = gathered(to="bob@corp.example", cc="eve@corp.example", body="strictly confidential")
    assert evaluate(POLICY, found, HOLDS).action is Action.PASS
    assert Need.PAST not in found.wanted
    assert "text" not in vars(found.reading)


def test_an_outsider_in_copy_is_looked_up_in_the_past() -> None:
    found = gathered(to="bob@corp.example", cc="kim@client.example", body="Hello")
    evaluate(POLICY, found, HOLDS)
    assert Need.PAST in found.wanted
    assert "text" in vars(found.reading)


@pytest.mark.parametrize("together", [False, True], ids=["alone", "with all the others"])
@pytest.mark.parametrize("path", tester.test_files([RULES]), ids=lambda path: path.name)
def test_the_shipped_tests_pass(path: Path, together: bool, worker: Worker) -> None:
    results = tester.run(path, tester.Setting(collect, HOLDS, together=together, read=worker.read))
    assert results
    if together:  # other rules may add to a verdict; whether a rule fires may not change
        results = [r for r in results if any("expected to fire" in f or "not to fire" in f for f in r.failures)]
        assert results == []
    assert [(result.name, result.failures) for result in results if not result.passed] == []


def test_every_shipped_rule_has_a_hit_and_a_near_miss() -> None:
    for path in sorted(RULES.glob("*.yaml")):
        if path.name.endswith(".test.yaml"):
            continue
        tests = path.with_name(path.stem + ".test.yaml").read_text("utf-8")
        for rule in load([path], PEOPLE).rules:
            fired = [line for line in tests.splitlines() if rule.id in line]
            hit = any("fired: [" in line.replace("not_fired: [", "") for line in fired)
            assert hit, rule.id
            assert any("not_fired: [" in line and rule.id in line.split("not_fired:")[1] for line in fired), rule.id


def test_the_policy_loads_for_an_organization_without_any_people() -> None:
    assert load([RULES / "*.yaml"], empty(PEOPLE.organization)).warnings == ()


# --- a week of ordinary mail ----------------------------------------------------------------------------------

KNOWN = ("kim@client.example", "lou@client.example", "lee@corp.example", "pat@corp.example", "otto@kunde.example")
# Ann has written 200 mails in 90 days, mostly to the same few people together.
PAST = Past(
    mails=200,
    since=MONDAY - timedelta(days=90),
    written=dict.fromkeys(KNOWN, 40),
    together={one: frozenset(KNOWN) - {one} for one in KNOWN},
)
DISCLAIMER = (
    "This e-mail and any attachments are confidential and may be legally privileged. If you are not the intended "
    "recipient, please delete it; do not distribute or forward it."
)
KLAUZULA = (
    "Ta wiadomość jest poufna i przeznaczona wyłącznie dla adresata. Jeżeli nie jesteś adresatem, nie rozpowszechniaj "
    "jej treści. Informacje stanowią tajemnicę przedsiębiorstwa."
)
HINWEIS = (
    "Diese E-Mail enthält vertrauliche Informationen. This message is strictly confidential. Wenn Sie nicht der "
    "richtige Adressat sind, informieren Sie bitte sofort den Absender."
)


@dataclass(frozen=True)
class Ordinary:
    subject: str
    body: str
    to: tuple[str, ...] = ("kim@client.example",)
    cc: tuple[str, ...] = ()
    sender: str = "ann@corp.example"
    headers: tuple[str, ...] = ()
    html: str = ""
    words: bool = False  # a confidential word in the sender's own text: a delay and a notice, still no hold


QUOTE_EN = (
    "\n\nOn Mon, 2 Mar 2026 at 10:00, Kim <kim@client.example> wrote:\n"
    "> the figures are confidential,\n> for internal use only\n"
)
QUOTE_PL = "\n\nW dniu 2.03.2026 o 10:00, Kim pisze:\n> umowa jest poufna\n> tajemnica przedsiębiorstwa\n"
QUOTE_DE = (
    "\n\nAm 02.03.2026 um 10:00 schrieb Otto <otto@kunde.example>:\n"
    "> strictly confidential\n> bitte nicht weitergeben\n"
)
QUOTE_OUTLOOK = (
    "\n\n-----Original Message-----\nFrom: Kim <kim@client.example>\nSent: Monday, March 2, 2026 10:00\n"
    "To: Ann <ann@corp.example>\nSubject: Figures\n\nThese are strictly confidential.\n"
)
FORWARDED = (
    "\n---------- Forwarded message ---------\nFrom: Kim <kim@client.example>\nSubject: Timetable\n\n"
    "confidential until May\n"
)
AUTO = ("Auto-Submitted: auto-replied",)
BULK = ("List-Unsubscribe: <https://corp.example/u>", "Precedence: bulk")
NEWS = "News.\n\nUnsubscribe: https://corp.example/u\nAll rights reserved. Wszelkie prawa zastrzeżone.\n"
GMAIL = '<div>Thanks!</div><div class="gmail_quote"><blockquote>for internal use only</blockquote></div>'
REPLY = ("In-Reply-To: <1@client.example>", "References: <1@client.example>")
CALENDAR = ("Content-Type: text/calendar; method=REPLY; charset=utf-8",)

WEEK = [
    Ordinary("Quote for ACME", "Dear Kim,\n\nplease find the quote attached.\n\nBest regards\nAnn\n"),
    Ordinary("Re: Quote for ACME", "Thanks, fine with me." + QUOTE_EN, headers=REPLY),
    Ordinary("RE: Figures", "Thank you!\n" + QUOTE_OUTLOOK, headers=REPLY),
    Ordinary("Re: Umowa", "Dziękuję, wszystko jasne." + QUOTE_PL, headers=REPLY),
    Ordinary("AW: Angebot", "Vielen Dank, passt so." + QUOTE_DE, to=("otto@kunde.example",), headers=REPLY),
    Ordinary("Minutes", f"Dear Kim,\n\nthe minutes.\n\n-- \nAnn\nCorp Example\n\n{DISCLAIMER}\n"),
    Ordinary("Protokół", f"Cześć,\n\nw załączeniu protokół.\n\n-- \nAnna\nCorp Example\n\n{KLAUZULA}\n"),
    Ordinary(
        "Protokoll", f"Hallo Otto,\n\nanbei das Protokoll.\n\n-- \nAnn\n\n{HINWEIS}\n", to=("otto@kunde.example",)
    ),
    Ordinary(
        "Offer", f"Dear Kim,\n\nour offer.\n\nBest regards\nAnn\n________________________________\n{DISCLAIMER}\n"
    ),
    Ordinary("Oferta", "Dzień dobry,\n\nprzesyłam ofertę zgodnie z ustaleniami.\n\nPozdrawiam\nAnna\n"),
    Ordinary("Faktura 12/2026", "Dzień dobry,\n\nw załączeniu faktura.\nTermin płatności: 14 dni.\n"),
    Ordinary(
        "Rechnung 12", "Guten Tag,\n\nanbei die Rechnung.\n\nMit freundlichen Grüßen\nAnn\n", to=("otto@kunde.example",)
    ),
    Ordinary("Lunch?", "At noon?\n", to=("lee@corp.example",)),
    Ordinary("Lunch?", "W południe?\n", to=("lee@corp.example", "pat@corp.example")),
    Ordinary("Planning", "Numbers as agreed.\n", to=("lee@corp.example", "pat@corp.example"), cc=("new@corp.example",)),
    Ordinary("Welcome", "Meet Newt, our new colleague.\n", to=("lee@corp.example",), cc=("newt@corp.example",)),
    Ordinary(
        "Re: Offer",
        "Adding Lee, who knows the details.\n",
        cc=("lee@corp.example", "lou@client.example"),
        headers=REPLY,
    ),
    Ordinary("Introduction", "Kim, meet Lou.\n", to=("kim@client.example", "lou@client.example")),
    Ordinary("First mail", "Dear Sir or Madam,\n\nwe met at the fair.\n", to=("somebody@new.example",)),
    Ordinary("Fair", "Dear both,\n\nwe met at the fair.\n", to=("one@new.example", "two@new.example")),
    Ordinary("Fwd: Timetable", "FYI\n" + FORWARDED, to=("lou@client.example",)),
    Ordinary("Accepted: Review", "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n", headers=CALENDAR),
    Ordinary("Declined: Confidential review", "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n", headers=CALENDAR),
    Ordinary(
        "Invitation: Review",
        "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n",
        headers=("Content-Type: text/calendar; method=REQUEST",),
    ),
    Ordinary("Out of office", "I am away until Monday.\n", sender="", headers=AUTO),
    Ordinary("Automatic reply: Confidential: figures", "I am away.\n", sender="", headers=AUTO),
    Ordinary("Scan from printer 3", "Confidential scan attached.\n", sender="printer@corp.example"),
    Ordinary("Our newsletter, March", NEWS, headers=BULK),
    Ordinary("Newsletter marzec", "Co nowego?\n\nWszelkie prawa zastrzeżone.\n"),
    Ordinary("Non-confidential summary", "As promised.\n"),
    Ordinary("Confidential computing: a talk", "See the slides.\n"),
    Ordinary("Confidentiality agreement", "Please sign the agreement on page two.\n"),
    Ordinary("Secretary wanted", "We look for a secretary.\n"),
    Ordinary("Terms", "The draft is strictly confidential, so please keep it to yourself.\n", words=True),
    Ordinary("Umowa", "Proszę traktować te dane jako poufne.\n", words=True),
    Ordinary(
        "HTML", "", html='<p>Dear Kim,</p><p>the figures.</p><blockquote type="cite">strictly confidential</blockquote>'
    ),
    Ordinary("HTML reply", "", html=GMAIL, headers=REPLY),
    Ordinary("HTML signature", "", html=f'<p>The minutes.</p><div class="gmail_signature">Ann<br>{DISCLAIMER}</div>'),
    Ordinary("=?utf-8?q?Podzi=C4=99kowanie?=", "Dziękujemy za spotkanie.\n"),
    Ordinary("", "Sent from my phone\n"),
    Ordinary("Re: Re: Re: Offer", "ok\n" + QUOTE_EN.replace("> ", ">> "), headers=REPLY),
    Ordinary("Parking", "Two places in front of the house.\n", to=("lee@corp.example",), cc=("pat@corp.example",)),
    Ordinary("Many", "Dear all,\n\nsee you there.\n", to=tuple(f"guest{n}@new{n}.example" for n in range(20))),
]


def raw(mail: Ordinary) -> bytes:
    content = "Content-Type: text/html; charset=utf-8" if mail.html else "Content-Type: text/plain; charset=utf-8"
    own = any(header.startswith("Content-Type") for header in mail.headers)
    head = [
        f"From: {mail.sender or 'MAILER-DAEMON@corp.example'}", f"To: {', '.join(mail.to)}",
        *([f"Cc: {', '.join(mail.cc)}"] if mail.cc else []), f"Subject: {mail.subject}",
        "Date: Mon, 23 Nov 2026 09:00:00 +0000", "Message-ID: <m@corp.example>", "MIME-Version: 1.0",
        *mail.headers, *([] if own else [content]),
    ]  # fmt: skip
    body = (mail.html or mail.body).replace("\r\n", "\n").replace("\n", "\r\n")
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def facts(mail: Ordinary, known: Known = Known(PAST)) -> Facts:  # noqa: B008 - frozen
    envelope = Envelope(mail.sender, tuple(Recipient(address) for address in mail.to + mail.cc))
    identity = Identity(mail.sender, Proof.LOGIN if mail.sender else Proof.NETWORK)
    return collect(raw(mail), envelope, identity, known, MONDAY, PEOPLE)


def judged(mail: Ordinary) -> Verdict:
    return evaluate(POLICY, facts(mail), HOLDS)


def test_a_week_is_forty_mails() -> None:
    assert len(WEEK) >= 40


@pytest.mark.parametrize("mail", WEEK, ids=[f"{number}-{mail.subject[:20]}" for number, mail in enumerate(WEEK)])
def test_ordinary_mail_is_never_held(mail: Ordinary) -> None:
    verdict = judged(mail)
    assert verdict.holds == (), [hold.reason for hold in verdict.holds]
    assert verdict.action in (Action.PASS, Action.DELAY)
    told = bool(verdict.notify)
    assert told is mail.words, [hit.reason for hit in verdict.hits]


def test_the_words_for_strangers_are_silent_on_ordinary_mail() -> None:
    strange = parsed(written("{recipients: {any: [lookalike, namesake, no_contact, unknown_list]}}"))
    familiar = Familiar(dict.fromkeys(KNOWN, 40), Domains({"client.example": 80, "kunde.example": 40}))
    for mail in WEEK:
        assert evaluate(strange, facts(mail, Known(PAST, familiar)), HOLDS).hits == ()


def test_a_notice_is_rare_and_inside_mail_never_waits() -> None:
    inside = [mail for mail in WEEK if all(one.endswith("@corp.example") for one in mail.to + mail.cc)]
    assert len(inside) >= 5
    assert {judged(mail).action for mail in inside} == {Action.PASS}
    assert sum(bool(judged(mail).notify) for mail in WEEK) <= len(WEEK) // 20
