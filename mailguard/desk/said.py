"""What a person wrote for another to read."""

from mailguard.desk.errors import NotConfirmed
from mailguard.locale import N_

SAID_LIMIT = 500  # characters


def within_bounds(text: str) -> str:
    """Lines of printable characters; NotConfirmed when there are too many."""
    text = "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))
    if len(text) > SAID_LIMIT:
        raise NotConfirmed(N_("Please say it in at most {limit} characters."), limit=str(SAID_LIMIT))
    return "".join(c for c in text if c.isprintable() or c == "\n")
