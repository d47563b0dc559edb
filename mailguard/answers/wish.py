"""What an answer asks for, in the first line that its author wrote. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What an answer may do."""

    STOP = "stop"
    SEND = "send"
    DROP = "drop"


# As people write it in the languages we speak; German is polite, terse or an infinitive.
_WORDS = {
    Verb.STOP: "stop|stop it|stop the mail|zatrzymaj|wstrzymaj|stój|stopp|stoppen|anhalten|halt",
    Verb.SEND: "send|send it|send now|approve|approved|wyślij|wyslij|wysłać|wyslac|zatwierdzam|zatwierdź|zatwierdz|"
    "senden|abschicken|freigeben|freigegeben",
    Verb.DROP: "drop|remove|usuń|usun|pomiń|pomin|entfernen|entferne|weglassen",
}
_ORDER = re.compile(
    "(?:" + "|".join(f"(?P<{verb}>{words})" for verb, words in _WORDS.items()) + r")(?P<rest>\s.*)?", re.IGNORECASE
)
_AROUND = " \t\u00a0.!,;:*_\"'“”„«»‘’()[]"
_LINE = 400  # characters: a longer first line is prose


@dataclass(frozen=True, slots=True)
class Wish:
    """`who`: the addresses after drop, as they were written."""

    verb: Verb
    who: tuple[str, ...] = ()


def read(text: str) -> Wish | None:
    """The wish in the author's own text, without quotes and signatures; None where it is not plain.

    Only stop may be followed by more words: it loses nothing. `send` and `drop` stand alone, so that no sentence
    that happens to begin like one sends anything.
    """
    lines = [line.strip(_AROUND) for line in text.splitlines()]
    lines = [line for line in lines if line]
    found = _ORDER.fullmatch(lines[0]) if lines and len(lines[0]) <= _LINE else None
    if found is None:
        return None
    verb, rest = next(verb for verb in Verb if found[verb]), found["rest"] or ""
    if verb is Verb.DROP:
        who = tuple(one.strip(_AROUND + "<>") for one in re.split(r"[,;\s]+", rest) if one.strip(_AROUND + "<>"))
        return Wish(verb, who) if who and len(lines) == 1 else None
    if rest or (verb is Verb.SEND and len(lines) > 1):
        return None
    return Wish(verb)
