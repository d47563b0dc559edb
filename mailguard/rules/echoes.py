"""Text that was in other mails: quoted to people who never got it, or written a second time while the first waits."""

from collections.abc import Iterable

from mailguard.locale import N_, saying
from mailguard.mail.sketch import likeness
from mailguard.mail.text import fold
from mailguard.records import Heard, Match, Waiting
from mailguard.rules import who
from mailguard.rules.circle import side
from mailguard.rules.condition import not_known
from mailguard.rules.facts import Facts

PASSAGES = 7  # of one text: about twenty-five words. Fewer may be a sentence that many people write
WHOLE = 0.9  # of what is kept of a text: somebody's footer is only a part of it
EVERYBODYS = 3  # conversations: what was said in so many is a footer or a form letter
ALIKE = 0.6  # of the runs of words: one changed word in two lines, or one more paragraph in a page
WAITING = saying("a mail that waits")
UNKNOWN = not_known(saying("only the running service remembers what other mails said"))


def quoted_to_others(facts: Facts, keys: tuple[str, ...]) -> Match | None:
    """`keys` are people outside. None also while it is not known who got what."""
    if not keys or not facts.text.quoted or not facts.heard:
        return None
    here = {side(one) for key in keys for one in who.members(facts, key)}
    foreign, quoted = _foreign(facts.heard, here), frozenset(facts.reading.quoted_passages)
    strange = [text for text in facts.heard if _stands_in(text, quoted) and len(text.passages & foreign) >= PASSAGES]
    if not strange:
        return None
    sides = sorted({side(one) for text in strange for one in text.named if facts.people.external(one)})
    who_not = who.listed(keys)
    if not sides:
        return Match(saying("it quotes mail that stayed inside, which {list} never got", list=who_not), frozenset(keys))
    form = N_("it quotes mail to {others}, which {list} never got")
    return Match(saying(form, others=who.listed(sides), list=who_not), frozenset(keys))


def repeated(facts: Facts) -> Match | None:
    """The same mail again, or nearly: the reason and the evidence name the one that waits."""
    if not facts.reading.sketch.own:
        return None
    found = [one for one in facts.waiting or () if _same(facts, one)]
    if not found:
        return None
    first = found[-1]
    form = N_("it is nearly the same as {mail}, which still waits: cancel that one if this replaces it")
    reason = saying(form, mail=first.queue_id)
    return Match(reason, first.recipients & set(facts.recipients), ((WAITING, first.queue_id),))


def _foreign(heard: Iterable[Heard], here: set[str]) -> set[int]:
    """Passages that nobody of these sides ever got, and that are not everybody's."""
    known: set[int] = set()
    threads: dict[int, set[int]] = {}
    for text in heard:
        if here & set(map(side, text.addresses)):
            known |= text.passages
        for passage in text.passages:
            threads.setdefault(passage, set()).add(text.thread)
    return {passage for passage, where in threads.items() if len(where) < EVERYBODYS} - known


def _stands_in(text: Heard, quoted: frozenset[int]) -> bool:
    """Whether this text is quoted as good as whole."""
    return len(text.passages & quoted) >= WHOLE * text.kept


def _same(facts: Facts, one: Waiting) -> bool:
    if one.recipients.isdisjoint(facts.recipients):
        return False
    return fold(one.subject) == fold(facts.subject) and likeness(one.own, facts.reading.sketch.own) >= ALIKE
