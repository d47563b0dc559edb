"""Who is greeted at the beginning of a mail."""

import re
from dataclasses import dataclass

from mailguard.rules import names

_LINES = 3
_WIDTH = 100
_NAMES = 3

_HELLO = (
    r"panie|pani|hi|hello|hey|dear|good (?:morning|afternoon|evening)|morning"
    r"|cześć|hej|witaj|witam|dzień dobry|drogi|droga|szanown[ya]"
    r"|hallo|liebe[r]?|guten (?:tag|morgen|abend)|sehr geehrte[r]?|moin|servus|grüezi"
    r"|bonjour|bonsoir|salut|cher|chère|hola|buenos días|buenas tardes|buenas noches|estimad[oa]|querid[oa]"
    r"|ciao|buongiorno|gentile|caro|cara|beste|geachte|olá|bom dia|prezad[oa]|car[oa]"
)
_TITLE = (
    r"mr|mrs|ms|miss|dr|prof|sir|lord|pani|panie|pan|herrn?|frau|m|mme|monsieur|madame|mademoiselle|sr|sra|señora?|don|doña"
    r"|signora?|sig|mevrouw|meneer|heer|doktor|doktorze|mecenasie|mecenas|profesorze|professor"
)
_GREETING = re.compile(rf"(?P<hello>{_HELLO})\s+(?P<title>(?:(?:{_TITLE})\.?\s+)*)(?P<rest>\S.*)", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|['’\-](?=[^\W\d_]))+")
_BETWEEN = re.compile(r"\s*(?:,|&|/|\band\b|\bi\b|\boraz\b|\bund\b|\bet\b|\by\b|\be\b|\ben\b)\s*")
_END = re.compile(r"[!:.;–—\n(]|\s-\s|,\s*$|,\s+[^\W\d_A-ZĄĆĘŁŃÓŚŹŻÄÖÜÉÈ]")
_BARE = re.compile(r"(?P<rest>[^\W\d_a-z][^\W\d_]{2,15})\s*[,!:]?")
_JAPANESE = re.compile(r"(?:.{0,30}[\s　])?(?P<name>[\u4e00-\u9fff\u30a1-\u30ff々]{1,8})\s?(?:様|さま|さん|先生|殿)")
# Everybody, or nobody in particular: nothing can be wrong with them.
_NOBODY = frozenset(
    re.findall(
        r"\w+",
        "all everyone everybody team colleagues colleague folks guys friends there again both sir madam sirs ladies "
        "gentlemen customer client partner partners support hiring manager state państwo państwa wszyscy wszystkim "
        "zespole koledzy koleżanki drodzy pani pan zusammen alle team kollegen kolleginnen damen herren kunde tous "
        "toutes équipe collègues madame monsieur messieurs client todos todas equipo compañeros señores señor señora "
        "cliente tutti allen collega pessoal 皆 皆様 各位 担当者 ご担当者 関係者 御中",
    )
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """`names` as written; `formal`: a title stands before them, so they are surnames, known or not."""

    names: tuple[str, ...]
    formal: bool = False
    japanese: bool = False


def read(text: str) -> Greeting | None:
    """The first greeting among the first lines; None where nobody is named."""
    lines = [line.strip() for line in text.split("\n", 40)[:40] if line.strip()]
    for line in lines[:_LINES]:
        if found := _read(line[:_WIDTH]):
            return found
    return None


def _read(line: str) -> Greeting | None:
    if japanese := _JAPANESE.match(line):
        name = japanese["name"]
        return None if name in _NOBODY or "担当" in name else Greeting((name,), japanese=True)
    found = _GREETING.match(line)
    if found:
        said = _names(found["rest"])
        return (
            Greeting(said, formal=bool(found["title"] or found["hello"].lower() in ("pani", "panie"))) if said else None
        )
    bare = _BARE.fullmatch(line)
    return Greeting((bare["rest"],)) if bare and names.known(bare["rest"]) else None


def _names(rest: str) -> tuple[str, ...]:
    """Nothing where any of them is nobody in particular, or no name."""
    end = _END.search(rest)
    pieces = [piece for piece in _BETWEEN.split(rest[: end.start()] if end else rest) if piece.strip()]
    found: list[str] = []
    for piece in pieces:
        words = piece.split()
        sound = len(words) <= _NAMES and all(_NAME.fullmatch(word) and word[0].isupper() for word in words)
        if not sound or any(word.casefold() in _NOBODY for word in words):
            return ()
        found.append(piece)
    return tuple(found) if len(found) <= _NAMES else ()
