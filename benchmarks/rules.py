"""How long the rules take over one mail: 500 rules with 20,000 keywords, beside the same search by `re` and RE2."""

import gc
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median

import re2
from rich.console import Console
from rich.table import Table

from mailguard.document import yaml
from mailguard.history import Learn
from mailguard.intake.facts import gather
from mailguard.intake.keep import keep
from mailguard.mail.envelope import Envelope, Identity, Proof, Recipient
from mailguard.mail.message import Message
from mailguard.mail.reading import Reading
from mailguard.people import Organization, empty
from mailguard.records import Known
from mailguard.rules.engine import evaluate
from mailguard.rules.loader import parse
from mailguard.rules.rule import RuleSet
from mailguard.rules.settings import HoldSettings
from mailguard.store.verbs.kept import written

RULES, KEYWORDS, MAIL = 500, 20_000, 20 * 1024
MILLISECONDS, MEGABYTES, FLAT = 3.0, 150.0, 1.5  # the targets; FLAT: time with 20,000 words ÷ time with 500
ROUNDS = 40

_HEADINGS = (
    "keywords", "rules", "with reading", "facts kept", "their bytes", "÷ one re", "÷ an RE2 a rule", "load, s",
    "memory, MB",
)  # fmt: skip
_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_ORGANIZATION = Organization(name="Corp Example", domains=("corp.example",), zone="Europe/Warsaw")
_ENVELOPE = Envelope("ann@corp.example", (Recipient("kim@client.example"),))
_SENTENCES = (
    "Thank you for the call this morning, the figures you asked for are in the table below. ",
    "W załączeniu przesyłam zestawienie, o którym rozmawialiśmy w zeszłym tygodniu z działem zakupów. ",
    "Could you check with the warehouse whether the second delivery has left, and tell the customer? ",
    "Die Rechnung liegt bei der Buchhaltung und wird bis Ende der Woche bezahlt. ",
)


@dataclass(frozen=True)
class Pace:
    """CPU in milliseconds, median of ROUNDS mails; `load` in seconds, `memory` in MB above the interpreter's."""

    keywords: int
    rules: float  # all rules asked about a mail that has been read
    whole: float  # from the bytes to the verdict
    keep: float  # what is kept of its facts, for `mailguard backtest`
    kept: float  # bytes of that
    re: float  # the same words in the same text, by one alternation of Python's `re`
    re2: float  # by an RE2 for each rule, which says as we do whose word it is
    load: float
    memory: float


def main(console: Console) -> tuple[list[Pace], list[str]]:
    """Measured, shown, and what was missed."""
    paces = [_apart(count) for count in (RULES, KEYWORDS)]
    table = Table(title=f"{RULES} rules over one mail of {MAIL >> 10} KB, CPU in ms")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for pace in paces:
        table.add_row(
            f"{pace.keywords}", f"{pace.rules:.2f}", f"{pace.whole:.2f}", f"{pace.keep:.2f}", f"{pace.kept:.0f}",
            f"{pace.rules / pace.re:.2f}", f"{pace.rules / pace.re2:.2f}", f"{pace.load:.2f}", f"{pace.memory:.0f}",
        )  # fmt: skip
    console.print(table)
    small, large = paces
    missed = [
        f"{large.rules:.1f} ms for the rules" if large.rules > MILLISECONDS else "",
        f"{large.rules / small.rules:.1f} times as long with more words" if large.rules > FLAT * small.rules else "",
        f"{large.memory:.0f} MB of compiled rules" if large.memory > MEGABYTES else "",
    ]
    found = list(filter(None, missed))
    console.print("missed: " + "; ".join(found) if found else "every target met", highlight=False)
    return paces, found


def asdicts(paces: list[Pace]) -> list[dict[str, object]]:
    return [asdict(pace) for pace in paces]


def _apart(count: int) -> Pace:
    """In a process of its own, so that its memory is what the rules take."""
    command = [sys.executable, "-m", "benchmarks.rules", str(count)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return Pace(count, *map(float, run.stdout.split()))


def measure(count: int) -> list[float]:
    words = keywords(count)
    before, start = _memory(), time.process_time()
    rules = _rules(words)
    load, memory = time.process_time() - start, _memory() - before
    gc.collect()
    gc.freeze()  # as the service does once its rules are read
    raw = mail(words)
    asked = [_ask(rules, raw) for _ in range(ROUNDS)]
    text = Reading(Message(raw)).text.new.casefold()
    share = len(words) // RULES
    one = [re.compile(_pattern(words))]
    each = [re2.compile(_pattern(words[at : at + share])) for at in range(0, len(words), share)]
    return [
        *(median(column) for column in zip(*asked, strict=True)), _search(one, text), _search(each, text), load, memory,
    ]  # fmt: skip


def keywords(count: int) -> list[str]:
    """Invented words of 5 to 12 letters, as a list of project and client names is."""
    chance = random.Random(count)
    syllables = re.findall(
        r"\w+", "ba be cor da do el fin ga hel in jo kar lum ma nor om pra qui ro sta tur ul vex ył żo"
    )
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(chance.choice(syllables) for _ in range(chance.randint(3, 5)))] = None
    return list(found)


def mail(words: list[str]) -> bytes:
    """Ordinary sentences in three languages, text and HTML, with a keyword here and there."""
    chance = random.Random(1)
    text = ""
    while len(text.encode()) < MAIL // 2:
        text += chance.choice(_SENTENCES) + (f"{chance.choice(words)}. " if chance.random() < 0.05 else "")
        text += "\r\n\r\n" if chance.random() < 0.2 else ""
    html = "".join(f"<p>{part}</p>" for part in text.split("\r\n\r\n"))
    kind = "Content-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return (
        "From: ann@corp.example\r\nTo: kim@client.example\r\nSubject: Delivery\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n{kind.format('plain')}{text}\r\n"
        f"--b\r\n{kind.format('html')}{html}\r\n--b--\r\n"
    ).encode()


def _rules(words: list[str]) -> RuleSet:
    """Each rule with its own share of the words."""
    share = len(words) // RULES
    written = ["version: 1", "rules:"]
    for number in range(RULES):
        own = ", ".join(words[number * share : (number + 1) * share])
        written += [
            f"  - id: r{number}",
            f"    when: {{recipients: {{any: external}}, words: {{any: [{own}]}}}}",
            "    then: [{delay: 5m}]",
        ]
    return parse([yaml.parse("\n".join(written), "rules.yaml")], empty(_ORGANIZATION))


def _ask(rules: RuleSet, raw: bytes) -> tuple[float, float, float, float]:
    """(the rules alone, from the bytes to the verdict, keeping its facts) in ms, and how many bytes those take."""
    identity, people = Identity("ann@corp.example", Proof.LOGIN), empty(_ORGANIZATION)
    start = time.process_time()
    reading = Reading(Message(raw))
    assert reading.text.new
    read = time.process_time()
    facts = gather(reading, _ENVELOPE, identity, people, Known(), _NOW, Learn())
    evaluate(rules, facts, HoldSettings(fallback="postmaster@corp.example"))
    end = time.process_time()
    said = written(keep(facts))
    kept = time.process_time() - end
    return (end - read) * 1000, (end - start) * 1000, kept * 1000, len(said)


def _pattern(words: Sequence[str]) -> str:
    return r"\b(?:" + "|".join(map(re.escape, words)) + r")\b"


def _search(patterns: Sequence["re.Pattern[str]"], text: str) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        for pattern in patterns:
            sum(1 for _ in pattern.finditer(text))
        times.append((time.process_time() - start) * 1000)
    return median(times)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(*measure(int(sys.argv[1])))
