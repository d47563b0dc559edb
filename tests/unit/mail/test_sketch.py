"""A text is known again however it is broken and quoted, and its sketch says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailguard.mail.message import Message
from mailguard.mail.sketch import OWN, PASSAGES, likeness, passages, sketch
from mailguard.mail.text import Text, body_text

TEXT = """The delivery will slip by three weeks, because the supplier in Gdansk lost the second shift.
Please do not mention it before Tuesday: Bob wants to tell them himself at the fair."""
QUOTES = {
    "plain": "Hi\n\nOn Mon, 2 Mar 2026 at 10:00, Eve <eve@corp.example> wrote:\n> " + TEXT.replace("\n", "\n> "),
    "rewrapped": "Hi\n\nEve pisze:\n> " + TEXT.replace("\n", " ").replace("because", "because\n>"),
    "outlook": f"Hi\n\n-----Original Message-----\nFrom: Eve <eve@corp.example>\nSent: Monday\nTo: Ann\n\n{TEXT}",
    "case": f"Hi\n\n-----Original Message-----\nFrom: Eve\nSent: Monday\nTo: Ann\n\n{TEXT.upper()}",
}


def read(body: str, kind: str = "plain") -> Text:
    head = f"In-Reply-To: <1@a>\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n"
    return body_text(Message((head + body.replace("\n", "\r\n")).encode()))


@pytest.mark.parametrize("body", QUOTES.values(), ids=QUOTES)
def test_a_text_is_known_again_in_a_quotation(body: str) -> None:
    kept = set(sketch(read(TEXT)).new)
    assert len(kept) >= 8
    assert kept <= set(passages(read(body).quoted))


@pytest.mark.parametrize(("kind", "authors"), [("plain", ("eve@corp.example",)), ("case", ())])
def test_what_is_passed_on_is_kept_when_it_names_who_has_it(kind: str, authors: tuple[str, ...]) -> None:
    text = read(QUOTES[kind])
    made = sketch(text, passed_on=True)
    assert (made.authors, bool(made.quoted)) == (authors, bool(authors))
    assert sketch(text).quoted


def test_a_text_is_known_again_in_html() -> None:
    html = f'<p>Hi</p><blockquote type="cite"><p>{TEXT.replace(". P", ".</p><p>P")}</p></blockquote>'
    assert set(sketch(read(TEXT)).new) <= set(passages(read(html, "html").quoted))


def test_japanese_has_passages_too() -> None:
    text = (
        "来週の火曜日までに見積書をお送りいただけますでしょうか。"
        "納期が三週間遅れる件については、まだお客様にお話ししていません。"
    )
    assert len(sketch(Text(text)).new) >= 8


def test_a_second_version_is_like_the_first_and_another_mail_is_not() -> None:
    first = sketch(Text(TEXT)).own
    assert likeness(first, first) == 1
    assert likeness(first, sketch(Text(TEXT.replace("three", "four"))).own) > 0.6
    assert likeness(first, sketch(Text("Thank you, we send the contract on Monday and look forward to it.")).own) == 0
    assert likeness((), ()) == 0


@given(st.text(max_size=3000), st.text(max_size=3000))
def test_any_text_has_a_small_sketch(new: str, quoted: str) -> None:
    made = sketch(Text(new, quoted))
    assert (len(made.own) <= OWN, len(made.new) <= PASSAGES, len(made.quoted) <= PASSAGES) == (True, True, True)
    assert all(-(2**63) <= print_ < 2**63 for print_ in made.own + made.new + made.quoted)
