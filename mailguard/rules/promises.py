"""A mail that speaks of an attachment and has none."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from mailguard.rules import lexicon, places
from mailguard.rules.facts import Facts
from mailguard.rules.finder import Hit, Vocabulary
from mailguard.rules.places import Place

LANGUAGES = ("en", "pl", "de", "fr", "es", "ja")

_SENTENCE = re.compile(r"(?<![.!?…。！？])[.!?…。！？]++(?=\s|$|[^\x00-\u2fff])")
# Where a file is when it is not in the mail: links that people share instead.
_SHARED = re.compile(
    rb"(?i)(?:[\w.-]+\.)?(?:sharepoint\.com|onedrive\.live\.com|1drv\.ms|(?:drive|docs)\.google\.com|dropbox\.com|db\.tt"
    rb"|box\.com|we\.tl|wetransfer\.com|icloud\.com|mega\.nz|sharefile\.com|swisstransfer\.com|gigafile\.nu)/"
    rb"|/(?:index\.php/)?s/[A-Za-z0-9]{15}\b"  # Nextcloud and ownCloud
)


class Promises:
    """Looks for phrases of the lexicons attached-*, and for what in the same sentence takes them back."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._promised = vocabulary.finder(word for name in LANGUAGES for word in lexicon.words(f"attached-{name}"))
        self._excused = vocabulary.finder(lexicon.words("not-attached"))
        self._pictures = vocabulary.finder(lexicon.words("pictures"))

    def broken(self, facts: Facts) -> str | None:
        """The phrase of the sender's own text that no file, link or picture answers."""
        if self._promised not in places.seen(facts, (Place.BODY,), self._vocabulary):
            return None
        if facts.invitation or facts.encrypted or any(not file.inline for file in facts.attachments):
            return None
        pictured = any("image" in file.kinds for file in facts.attachments)
        hit = next(self._open(facts, pictured), None)
        return hit.word if hit is not None and not _shared(facts) else None

    def _open(self, facts: Facts, pictured: bool) -> Iterator[Hit]:
        found = places.found(facts, Place.BODY, self._vocabulary)
        answers = [*found.get(self._excused, ()), *(found.get(self._pictures, ()) if pictured else ())]
        ends = [end.end() for end in _SENTENCE.finditer(places.folded(facts, Place.BODY))]
        sentences = {bisect_right(ends, hit.start) for hit in answers}
        return (hit for hit in found[self._promised] if bisect_right(ends, hit.start) not in sentences)


def _shared(facts: Facts) -> bool:
    return any(_SHARED.search(facts.message.decode(part)) for part in facts.message.parts() if part.body)
