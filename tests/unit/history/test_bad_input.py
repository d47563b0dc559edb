"""Senders whose mail is not what a model hopes for: nothing crashes, nothing grows without end, and nobody is asked."""

from datetime import UTC, datetime

from mailguard.history.doubt import LEAST, MOST, doubts
from mailguard.history.firm import Firm
from mailguard.history.ledger import SENT, Ledger
from mailguard.history.said import said
from mailguard.history.signs import Outgoing
from mailguard.history.trees import shipped
from mailguard.records import Doubt

ANN = "ann@corp.example"
LEE, PAT, KIM, SAM = "lee@corp.example", "pat@corp.example", "kim@client.example", "sam@client.example"
START = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()
HOUR, ALARMS = 3600.0, 0.01


def written(at: float, *to: str, text: str = "the plan as agreed") -> Outgoing:
    return Outgoing(ANN, START + at * HOUR, to, said=said("Plan", text, ""))


def judged(firm: Firm, mail: Outgoing) -> dict[str, Doubt] | None:
    found = doubts(firm.ledger(ANN), firm.background(mail.recipients), mail, shipped(), ALARMS)
    return None if found is None else dict(found)


def taught(firm: Firm, mail: Outgoing) -> bool:
    """Learnt as the service does; whether somebody would have been asked about it."""
    found = judged(firm, mail)
    firm.learn(mail.remembered({key: doubt.score for key, doubt in (found or {}).items()}))
    return any(doubt.why for doubt in (found or {}).values())


def new_firm() -> Firm:
    return Firm(lambda key: key.endswith("@corp.example"))


def test_an_address_book_of_100_000_is_remembered_as_far_as_the_latest_mails_go() -> None:
    mails = (written(at, *(f"p{at * MOST + each}@client.example" for each in range(MOST))) for at in range(1000))
    ledger = Ledger(mail.remembered() for mail in mails).trimmed
    assert len(ledger.sent) == SENT
    assert len(ledger.tallies) == SENT * MOST
    mail = written(1001, "p99999@client.example", "p1@client.example")
    found = doubts(ledger, {}, mail, shipped(), ALARMS)
    assert found is not None
    assert found.keys() == set(mail.recipients)


def test_who_writes_to_5_000_lists_is_known_by_the_latest() -> None:
    firm = new_firm()
    asked = 0
    for at in range(5000):
        mail = written(at, f"list{at}@lists.example")
        if at % 50:
            firm.learn(mail.remembered())
        else:
            asked += taught(firm, mail)
    assert len(firm.ledger(ANN).tallies) <= SENT * 5 // 4
    assert asked <= 2, "to write to a list that one never wrote to is what this sender always does"


def test_two_people_who_share_an_address_are_one_sender_of_two_kinds_of_mail() -> None:
    firm = new_firm()
    ours, theirs = (LEE, PAT), (KIM, SAM)
    asked = [taught(firm, written(at * 6, *(theirs if at % 3 else ours))) for at in range(200)]
    assert sum(asked[LEAST:]) <= 4
    mixed = judged(firm, written(1201, LEE, PAT, KIM))
    assert mixed is not None
    assert mixed[KIM].rarity < mixed[LEE].rarity


def test_not_enough_history_is_no_answer() -> None:
    firm = new_firm()
    for at in range(LEAST - 1):
        firm.learn(written(at, LEE, PAT).remembered())
    assert judged(firm, written(LEAST, LEE, KIM)) is None
    assert judged(firm, Outgoing("nobody@corp.example", START, ())) is None


def test_clocks_that_were_never_set_break_nothing() -> None:
    """The service's own clock is what counts; an import passes such dates over. Should one be there all the same:"""
    firm = new_firm()
    for at in range(60):
        firm.learn(written(at, LEE, PAT).remembered())
    far = datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC).timestamp()
    for wrong in (0.0, far):
        firm.learn(Outgoing(ANN, wrong, (LEE, KIM)).remembered())
        assert judged(firm, written(100, LEE, PAT, KIM)) is not None
