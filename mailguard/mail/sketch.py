"""What is kept of a text to know it again: hashes of runs of words, and of most texts only some of them.

Runs don't care where lines break, so a text is known again behind quotation marks or as HTML. What a text says can't
be read from its hashes; whoever has the very words can find out that they were there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain, groupby, islice

from mailguard.mail import address, quotes
from mailguard.mail.text import Text, fold

OWN_RUN, OWN = 4, 32  # words in a run, and how many are kept: to compare two mails as a whole
PASSAGE_RUN, PASSAGES, ASKED = 8, 16, 512  # kept of one text, and asked for: to find a piece of one in another
_ONE_IN = 2  # of the passages: both sides choose the same ones, by their hashes
_LONG = 5  # words of one line at least: a paragraph of shorter ones is a greeting, a name, telephone numbers
_LOOKED_AT = 16 << 10  # characters of one text; a longer one has said who it is by then

_AUTHORS = 50

_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Sketch:
    """`own`: of what the author wrote, to compare whole mails. `new` and `quoted`: passages, to find a text again.

    `authors` (address keys) are named as those who wrote or got what is quoted: they have it already.
    """

    own: tuple[int, ...] = ()
    new: tuple[int, ...] = ()
    quoted: tuple[int, ...] = ()
    authors: tuple[str, ...] = ()


def sketch(text: Text, *, passed_on: bool = False) -> Sketch:
    """What is kept of a mail's text. Signature and disclaimers say nothing about which mail it is.

    Of a quotation that is `passed_on` nothing, unless it names its authors: nobody can tell who else has it.
    """
    words = _WORD.findall(fold(text.new[:_LOOKED_AT]))
    own = tuple(nsmallest(OWN, _runs(words, OWN_RUN)))
    authors = _authors(text.quoted)
    quoted = _chosen(text.quoted, PASSAGES) if authors or not passed_on else ()
    return Sketch(own, _chosen(text.new, PASSAGES), quoted, authors if quoted else ())


def passages(text: str) -> tuple[int, ...]:
    """What to look for among kept passages, to find out where this text was before."""
    return _chosen(text, ASKED)


def likeness(one: Iterable[int], other: Iterable[int]) -> float:
    """How much of two mails is the same, from 0 to 1, by their `Sketch.own`; 0 when one says too little."""
    mine, theirs = set(one), set(other)
    both = nsmallest(OWN, mine | theirs)  # the sketch of both texts together: an unbiased sample of all their runs
    return sum(run in mine and run in theirs for run in both) / len(both) if mine and theirs else 0.0


def _chosen(text: str, most: int) -> tuple[int, ...]:
    words: list[str] = []
    for filled, paragraph in groupby(quotes.spoken(text[:_LOOKED_AT]).lines, lambda line: bool(line.strip())):
        lines = [_WORD.findall(fold(line)) for line in paragraph] if filled else []
        if any(len(line) >= _LONG for line in lines):
            words += chain.from_iterable(lines)
    return tuple(nsmallest(most, (run for run in _runs(words, PASSAGE_RUN) if run % _ONE_IN == 0)))


def _authors(text: str) -> tuple[str, ...]:
    found = (one for line in quotes.spoken(text[:_LOOKED_AT]).heads for one in _ADDRESS.findall(line))
    return tuple(islice(dict.fromkeys(map(address.key, found)), _AUTHORS))


def _runs(words: list[str], length: int) -> set[int]:
    return {_print(words[at : at + length]) for at in range(len(words) - length + 1)}


def _print(words: list[str]) -> int:
    """64 bits with a sign, as a database keeps them."""
    return int.from_bytes(blake2b(" ".join(words).encode(), digest_size=8).digest(), "big", signed=True)
