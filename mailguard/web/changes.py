"""What a page says of how a mail is changed on its way out."""

from collections.abc import Callable, Iterable, Iterator

from mailguard.locale import N_
from mailguard.mail.headers import Add, AddCc, Drop, Edit, Hide, Prefix, Splice, Swap, Withheld
from mailguard.notices.words import clean
from mailguard.web.sentences import WITHHELD

_MOST = 20
_PEOPLE: tuple[tuple[str, type[Hide] | type[Drop] | type[AddCc]], ...] = (
    (N_("Moved to Bcc, so that the others do not see them: {who}"), Hide),
    (N_("Taken out of To and Cc: {who}"), Drop),
    (N_("Added in Cc: {who}"), AddCc),
)


def changed(edits: Iterable[Edit], say: Callable[..., str]) -> Iterator[str]:
    """One sentence each; what every mail gets (trace fields, no Bcc) is not worth one."""
    made = list(edits)
    for sentence, kind in _PEOPLE:
        if who := [clean(edit.address) for edit in made if isinstance(edit, kind)]:
            more = f" … (+{len(who) - _MOST})" if len(who) > _MOST else ""
            yield say(sentence, who=", ".join(who[:_MOST]) + more)
    if any(isinstance(edit, Splice) for edit in made):
        yield say("The text gains a disclaimer")
    for edit in made:
        match edit:
            case Prefix(text):
                yield say("The subject begins with {text}", text=clean(text))
            case Swap(address, right):
                yield say("{right} in the place of {address}", right=clean(right), address=clean(address))
            case Add(name, value):
                yield say("Added to the header: {name}: {value}", name=clean(name), value=clean(value))
            case Withheld(what, value, ""):
                yield say(WITHHELD[what], value=clean(value))
            case _:
                pass
