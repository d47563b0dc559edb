"""Whom the model doubts, with the weights that are shipped, in the mail of a small firm."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.history.budget import LATEST, Surprises, alarms, rarity, slack
from mailguard.history.doubt import LEAST, alarm, doubts
from mailguard.history.firm import Firm
from mailguard.history.ledger import GOT, SENT, Ledger
from mailguard.history.names import alike, greeted, named
from mailguard.history.said import said
from mailguard.history.signs import FAMILIES, NAMES, Outgoing, Signs
from mailguard.history.trees import Model, shipped
from mailguard.records import Doubt, Remembered

ANN, LEE, PAT, BOSS = "ann@corp.example", "lee@corp.example", "pat@corp.example", "boss@corp.example"
KIM, WARD = "kim@client.example", "kim.ward@client.example"
DAY, NOW = 86400.0, 1.7e9
TREES = json.loads(files("mailguard.history").joinpath("model.json").read_text("utf-8"))["trees"]
EVERYBODY = ((0.5, -3.0), (0.1, 0.0), (0.01, 2.0))
Mails = Sequence[tuple[Sequence[str], Sequence[str], str, str]]

USUAL: Mails = (
    ((LEE, PAT), (BOSS,), "Planning", "Lee, Pat,\n\nthe numbers of the week.\n"),
    ((KIM,), (LEE,), "Minutes", "Dear Kim,\n\nminutes as agreed.\n"),
    ((WARD,), (), "Invoice", "Dear Ms Ward,\n\nthe invoice.\n"),
    ((LEE,), (), "Lunch", "Lee,\n\nlunch at noon?\n"),
)


def firm(mails: int = 120) -> Firm:
    found = Firm(lambda key: key.endswith("@corp.example"))
    for number in range(mails):
        to, cc, subject, text = USUAL[number % len(USUAL)]
        mail = outgoing(to, cc, subject, text, at=NOW - (mails - number) * DAY)
        judged = doubts(found.ledger(ANN), found.background(mail.recipients), mail, shipped(), 0.0) or {}
        found.learn(mail.remembered({key: one.score for key, one in judged.items()}))
    return found


def outgoing(
    to: Sequence[str], cc: Sequence[str] = (), subject: str = "", text: str = "", quoted: str = "", at: float = NOW
) -> Outgoing:
    return Outgoing(ANN, at, tuple(to), tuple(cc), (), said(subject, text, quoted))


def judged(here: Firm, mail: Outgoing, share: float = 0.05) -> Mapping[str, Doubt]:
    found = doubts(here.ledger(ANN), here.background(mail.recipients), mail, shipped(), share)
    assert found is not None
    return found


def test_the_client_instead_of_the_boss_is_doubted_and_the_boss_is_meant() -> None:
    found = judged(
        firm(), outgoing([LEE, PAT], [WARD], "Cost cutting", "Lee, Pat,\n\nthe draft, with two posts less.\n")
    )
    assert {key for key, one in found.items() if one.why} == {WARD}
    assert found[WARD].meant == BOSS
    assert f"You have never written to {WARD} together with {LEE} and {PAT}" in found[WARD].why
    assert f"mails like this rather go to {BOSS}: 30 mails from you, the last one on" in found[WARD].why


@pytest.mark.parametrize("usual", USUAL, ids=lambda one: one[2])
def test_what_is_usual_is_not_doubted(usual: tuple[Sequence[str], Sequence[str], str, str]) -> None:
    assert not any(one.why for one in judged(firm(), outgoing(*usual)).values())


def test_a_slip_scores_higher_than_who_belongs_there() -> None:
    found = judged(firm(), outgoing([WARD], [LEE], "Minutes", "Dear Kim,\n\nminutes as agreed.\n"))
    assert found[WARD].score > found[LEE].score


def test_not_enough_history_is_an_answer() -> None:
    here = firm(LEAST - 1)
    mail = outgoing([WARD], [BOSS])
    assert doubts(here.ledger(ANN), here.background(mail.recipients), mail, shipped(), 1.0) is None


def test_a_round_mail_is_not_judged() -> None:
    here = firm()
    mail = outgoing([f"a{number}@client.example" for number in range(101)])
    assert doubts(here.ledger(ANN), here.background(mail.recipients), mail, shipped(), 1.0) is None


def test_what_was_let_go_is_less_rare_the_next_time() -> None:
    here, mail = firm(), outgoing([LEE, PAT], [WARD], "Cost cutting", "the draft")
    before = judged(here, mail)[WARD]
    here.learn(mail.remembered({WARD: before.score}))
    assert here.ledger(ANN).surprises.rarity(before.score, shipped().usual) > before.rarity


def test_alarms_that_were_sent_all_the_same_are_known_from_what_is_remembered() -> None:
    here, mail = firm(), outgoing([LEE, PAT], [WARD], "Cost cutting", "Lee, Pat,\n\nthe draft, with two posts less.\n")
    assert judged(here, mail)[WARD].why
    for score in (8.0, 8.5, 9.0):
        here.learn(Remembered(ANN, NOW, (LEE,), scores={LEE: score}))
    again = judged(here, mail)[WARD]
    assert again.rarity < 0.05
    assert not again.why
    assert not alarm(here.ledger(ANN), again, shipped(), 0.05)
    known = Ledger(here.ledger(ANN).sent)  # as read from the store
    assert known.surprises.limit(0.05, shipped().usual) == here.ledger(ANN).surprises.limit(0.05, shipped().usual)


def test_the_model_reads_the_signs_in_the_order_it_was_trained_on() -> None:
    assert shipped().names == NAMES == tuple(name for family in FAMILIES.values() for name in family)
    here, mail = firm(), outgoing([LEE, WARD], [BOSS])
    rows = Signs(here.ledger(ANN), here.background(mail.recipients), mail).rows()
    assert [len(row) for row in rows] == [len(NAMES)] * 3


def test_trees_are_added_up() -> None:
    tree = [[0, 1], [0.5, 2.5], [~0, ~1], [1, ~2], [-1.0, 0.25, 4.0]]
    model = Model({"names": ["a", "b"], "usual": [[0.5, 0.0]], "trees": [tree, tree]})
    assert [model.score(row) for row in ([0.5, 9.0], [0.6, 2.5], [0.6, 2.6])] == [-2.0, 0.5, 8.0]


@given(st.lists(st.sampled_from([-9.0, -1.0, 0.0, 0.5, 1.0, 2.0, 4.0, 99.0]), min_size=len(NAMES), max_size=len(NAMES)))
def test_the_trees_as_one_function_say_what_walking_through_them_does(signs: list[float]) -> None:
    total = 0.0
    for sign, limit, low, high, leaf in TREES:
        node = 0
        while node >= 0:
            node = low[node] if signs[sign[node]] <= limit[node] else high[node]
        total += leaf[~node]
    assert shipped().score(signs) == total


@pytest.mark.parametrize(
    ("said_", "share"), [("1 in 100 mails", 0.01), ("3 in 200 mails", 0.015), ("low", 0.005), ("high", 0.02)]
)
def test_a_budget_is_a_share_of_mails(said_: str, share: float) -> None:
    assert alarms(said_) == share


@pytest.mark.parametrize("wrong", ["1 in 0 mails", "2 in 1 mails", "1%", "", 0.01, None, "1 in 100", "highest"])
def test_what_is_no_budget_is_told_how_to_write_one(wrong: object) -> None:
    with pytest.raises(ValueError, match='write "1 in 100 mails"'):
        alarms(wrong)


def test_rarity_follows_everybody_first_and_the_senders_own_mail_then() -> None:
    usual = EVERYBODY
    assert rarity(2.0, [], usual) == pytest.approx((1 + 0.5) / 51)
    assert rarity(1.0, [], usual) == pytest.approx((1 + 50 * (0.1 * 0.01) ** 0.5) / 51)
    assert rarity(3.0, [], usual) < rarity(2.0, [], usual)
    assert rarity(-9.0, [], usual) == 1.0
    assert rarity(2.0, [2.0] * 450, usual) == pytest.approx((450 + 1 + 0.5) / 501)
    assert rarity(2.0, [-5.0] * 450, usual) == pytest.approx((1 + 0.5) / 501)


def test_what_surprised_often_lately_is_not_rare_though_it_was_before() -> None:
    usual = EVERYBODY
    calm, lately = [-5.0] * 500, [*[-5.0] * 95, *[2.0] * 5]
    own = sorted([*calm, *lately])
    assert rarity(2.0, own, usual) < 0.01
    assert rarity(2.0, own, usual, lately) > 0.03
    assert rarity(3.0, own, usual, lately) == pytest.approx(rarity(3.0, own, usual))
    assert rarity(2.0, own, usual, calm[:100]) == rarity(2.0, own, usual)


def test_the_latest_scores_are_the_latest() -> None:
    surprises, scores = Surprises(), [-float(at) for at in range(LATEST + 7)]
    for score in scores:
        surprises.add(score)
    assert surprises.rarity(-3.0, EVERYBODY) == rarity(-3.0, sorted(scores), EVERYBODY, scores[-LATEST:])


def test_an_alarm_makes_the_next_one_dearer_until_it_is_earned_again() -> None:
    surprises = calm(600)
    assert surprises.limit(0.01, EVERYBODY) == 0.01
    surprises.add(5.0)
    assert surprises.limit(0.01, EVERYBODY) == pytest.approx(0.01 - 0.005 * 0.99)
    add(surprises, [-5.0] * 50)
    assert 0.007 < surprises.limit(0.01, EVERYBODY) < 0.01
    add(surprises, [-5.0] * 60)
    assert surprises.limit(0.01, EVERYBODY) == 0.01


def test_after_one_alarm_only_a_mail_that_surprises_more_than_all_others_is_another() -> None:
    surprises = calm(100)
    add(surprises, [1.0, *[-5.0] * 400, 5.0])
    limit = surprises.limit(0.01, EVERYBODY)
    assert surprises.rarity(6.0, EVERYBODY) < limit < surprises.rarity(1.0, EVERYBODY) < 0.01
    add(surprises, [6.0])
    assert surprises.rarity(7.0, EVERYBODY) > surprises.limit(0.01, EVERYBODY), "and no third one at once"


@given(
    st.lists(st.floats(-6, 9), max_size=400), st.sampled_from([0.002, 0.005, 0.01, 0.05, 0.3]), st.integers(0, 400),
)  # fmt: skip
def test_no_mail_however_it_changes_gives_more_alarms_than_were_stated(
    scores: list[float], stated: float, begin: int
) -> None:
    surprises, asked = Surprises(), list[bool]()
    for score in scores:
        asked.append(surprises.rarity(score, EVERYBODY) <= surprises.limit(stated, EVERYBODY))
        surprises.add(score)
    assert sum(asked[begin:]) <= stated * len(asked[begin:]) + slack(stated)


def test_who_is_more_surprising_mail_by_mail_is_not_asked_about_each() -> None:
    """As in a new post: each surprises more than all before it, so that no share of those helps."""
    surprises, asked = calm(600), 0
    for at in range(200):
        asked += surprises.rarity(at / 10, EVERYBODY) <= surprises.limit(0.01, EVERYBODY)
        surprises.add(at / 10)
    assert 1 <= asked <= 200 * 0.01 + slack(0.01)


def calm(mails: int) -> Surprises:
    surprises = Surprises()
    add(surprises, [-5.0] * mails)
    return surprises


def add(surprises: Surprises, scores: Sequence[float]) -> None:
    for score in scores:
        surprises.add(score)


def test_names_that_a_mail_client_offers_side_by_side() -> None:
    assert alike("kim.ward@a.example", "kim.lee@b.example") == 2
    assert alike("kimberly@a.example", "kimono@b.example") == 1
    assert alike("kim@a.example", "lee@a.example") == 0
    assert alike("@", "@") == 0


@pytest.mark.parametrize(
    ("key", "words", "how"),
    [
        ("kim.ward@a.example", {"kim", "ward"}, 3), ("kim.ward@a.example", {"ward"}, 2),
        ("kim.ward@a.example", {"kim"}, 1),
        ("kward@a.example", {"ward"}, 2), ("kimward@a.example", {"kim", "ward"}, 3), ("kim.ward@a.example", set(), 0),
        ("x@a.example", {"x"}, 2), ("@a.example", {"x"}, 0),
    ],
)  # fmt: skip
def test_whom_words_name(key: str, words: set[str], how: int) -> None:
    assert named(key, frozenset(words)) == how


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hi Kim,\nhow", "kim"), ("Kim - see below", "kim"), ("Dear Ms Ward,", "ward"), ("Liebe Anna,", "anna"),
        ("Thanks, I will", ""), ("Please find", ""), ("", ""), ("the offer", ""),
    ],
)  # fmt: skip
def test_who_is_greeted(text: str, name: str) -> None:
    assert said("", text, "").greeting == name
    assert not name or greeted(f"{name}@a.example", name)


def test_who_wrote_what_is_answered() -> None:
    quoted = "-----Original Message-----\nFrom: Hawker, Jai\nSent: Monday\nTo: Richey, Cooper\nSubject: x\n\nNot then?"
    found = said("RE: x", "ok", quoted)
    assert found.reply
    assert {"hawker", "jai"} <= found.author
    assert {"richey", "cooper"} <= found.head
    assert said("Re: x", "", "On Monday, 3 March, Kim Ward <kim@a.example> wrote:\n> no").author_address == {
        "kim@a.example"
    }


def test_a_thread_is_known_by_its_subject_whatever_stands_before_it() -> None:
    assert said("Re: Fwd: AW: Plan 2027", "", "").thread == said("plan 2027", "", "").thread != 0
    assert said("Re:", "", "").thread == 0


# --- what nobody should have to send ----------------------------------------------------------------------------


def test_dates_of_1970_and_2038_and_mail_out_of_order() -> None:
    here = firm()
    for at in (0.0, 2.2e9, NOW):
        here.learn(outgoing([KIM], at=at).remembered())
    for at in (0.0, NOW, 2.2e9):
        assert all(abs(one.score) < 100 for one in judged(here, outgoing([KIM, WARD], at=at)).values())


def test_an_address_book_without_end_is_forgotten_from_the_other_end() -> None:
    ledger = Ledger()
    for number in range(3000):
        ledger.add_sent(Remembered(ANN, NOW - 3000 + number, (f"kim{number}@client.example",)))
        ledger = ledger.trimmed
    assert len(ledger.sent) <= SENT * 5 // 4
    assert len(ledger.tallies) <= SENT * 5 // 4
    found = doubts(ledger, {}, outgoing(["kim7@client.example", LEE]), shipped(), 0.01)
    assert found is not None


def test_a_sender_to_five_thousand_lists() -> None:
    lists = tuple(f"list-{number}@lists.example" for number in range(5000))
    ledger = Ledger(Remembered(ANN, NOW - number, lists) for number in range(30))
    found = doubts(ledger, {}, outgoing(lists[:50]), shipped(), 0.01)
    assert found is not None
    assert len(found) == 50


def test_what_a_person_gets_is_bounded() -> None:
    ledger = Ledger()
    for number in range(1000):
        ledger.add_got(Remembered(f"a{number}@corp.example", NOW + number, (ANN, LEE)))
        ledger = ledger.trimmed
    assert len(ledger.got) <= GOT * 5 // 4


@pytest.mark.parametrize("text", ["\ud800", "\x00" * 2000, "a" * 10**6, "Hi " * 10**5, "From: " * 10**4])
def test_texts_that_are_none(text: str) -> None:
    found = said(text, text, text)
    assert len(found.words) <= 80
