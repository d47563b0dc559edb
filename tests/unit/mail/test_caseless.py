import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailguard.mail import charset, marks
from mailguard.mail.caseless import Caseless

PATTERNS = (marks.SENT_FROM, marks.REGARDS, marks.DISCLAIMER_TITLE, marks.DISCLAIMER_OPENER, marks.LEGAL_WORD)
PIECES = (
    "Sent from my phone", "WYSŁANE Z iPhone", "ſent from my phone", "iPhoneから送信", "Best regards", "POZDRAWIAM", ",",
    "Mit freundlichen Grüßen aus Köln", "LG", "Disclaimer", "this e-mail", "Diese Nachricht", "ADDRESSEE", "in error",
    "Empfänger", "İf you received", "--", " ", "\t", "\n", ".", "x",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)


@settings(max_examples=300)
@given(TEXTS, st.sampled_from(PATTERNS))
def test_capitals_make_no_difference_as_they_make_none_to_re(text: str, pattern: Caseless) -> None:
    plain = re.compile(pattern.pattern, re.IGNORECASE)

    def span(found: re.Match[str] | None) -> tuple[int, int] | None:
        return found.span() if found else None

    assert span(pattern.search(text)) == span(plain.search(text))
    assert span(pattern.match(text)) == span(plain.match(text))
    assert span(pattern.fullmatch(text)) == span(plain.fullmatch(text))
    assert [one.lower() for one in pattern.findall(text)] == [one.lower() for one in plain.findall(text)]


@settings(max_examples=300)
@given(st.lists(TEXTS.map(lambda text: text.replace("\n", "")), max_size=6))
def test_one_look_at_all_lines_misses_none(lines: list[str]) -> None:
    whole = "\n".join(["", *lines, ""])
    if any(marks.SENT_FROM.fullmatch(line.strip()) for line in lines):
        assert marks.SENT_FROM_LINE.search(whole)
    if any(marks.REGARDS.fullmatch(line.strip()) for line in lines):
        assert marks.REGARDS_LINE.search(whole)


@settings(max_examples=300)
@given(st.text(st.sampled_from("aB é\t\r\n\x00\x0b\x1c\x7f\x85\u2028\ud800") | st.characters(), max_size=12))
def test_a_tidy_text_has_no_line_to_clean(text: str) -> None:
    if charset.tidy(text):
        assert all(charset.clean(line) == line for line in text.splitlines())
