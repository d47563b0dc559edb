"""Letters of other alphabets that look like Latin ones, read as Latin where they only pretend: for searching alone."""

import re

# Our own list: what looks the same in common fonts, upper case apart from lower.
_ALIKE = dict(
    zip(
        map(
            ord,
            "аеорсухіјѕԁһԛԝӏѵАВЕКМНОРСТУХІЈЅ"  # Cyrillic
            "οανρυχικτΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"  # Greek
            "օսհոցԼՕՍ",  # Armenian
        ),
        "aeopcyxijsdhqwlvABEKMHOPCTYXIJS" + "oavpuxiktABEZHIKMNOPTYX" + "ouhngLOU",
        strict=True,
    )
)
_FOREIGN = "Ͱ-Ͽ\u0400-\u052f\u0531-\u058f"
_ANY = re.compile(rf"[{_FOREIGN}]")
_MIXED = re.compile(rf"[A-Za-z][{_FOREIGN}]|[{_FOREIGN}][A-Za-z]")
_LOOKS = "".join(map(chr, _ALIKE))
_UNMISTAKABLE = re.compile(rf"(?![{_LOOKS}])[{_FOREIGN}]")
_WORD = re.compile(rf"[A-Za-z{_FOREIGN}]++")
_LETTERS = 3  # so long must a word be that has no Latin letter at all


def unmask(text: str, whole: bool = True) -> str:
    """The text with Latin letters for those that only look so.

    A word of mixed alphabets is read as Latin when each foreign letter of it looks Latin. One without any Latin
    letter only if `whole`, and where nothing of the text can be a foreign language: in a Russian text “сахар” stays
    what it is.
    """
    if text.isascii() or _ANY.search(text) is None:
        return text
    mixed = _MIXED.search(text) is not None
    foreign = not whole or _UNMISTAKABLE.search(text) is not None
    if foreign and not mixed:
        return text
    return _WORD.sub(lambda found: _read(found[0], foreign), text)


def _read(word: str, foreign: bool) -> str:
    if word.isascii():
        return word
    latin = word.translate(_ALIKE)
    if not latin.isascii():
        return word
    masked = _MIXED.search(word) or (not foreign and len(word) >= _LETTERS)
    return latin if masked else word
