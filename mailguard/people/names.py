"""Names of people, as far as they tell one person from another."""

import re

from mailguard.mail.confusable import plain

_PARTS = re.compile(r"[^\W_]+")
_LETTERS = 2  # of each part: an initial says too little
# Mailboxes that every firm has are nobody's name
_NO_PERSON = frozenset(
    word
    for line in (
        "info office sales team support service customer care help desk mail contact kontakt biuro accounts billing",
        "invoice invoices faktury rechnung no reply noreply postmaster admin hr jobs press news marketing shop",
    )
    for word in line.split()
)


def parts(text: str) -> frozenset[str]:
    """`Kowalska, Anna` and `anna.kowalska` → anna, kowalska. None of `Kim`, `a.nowak` or `sales team`: too many are."""
    found = frozenset(_PARTS.findall(plain(text)))
    enough = len(found) > 1 and all(len(part) >= _LETTERS and not part.isdigit() for part in found)
    return found if enough and not found & _NO_PERSON else frozenset()


def of_mailbox(address: str) -> frozenset[str]:
    """As `parts`, of what stands before the @ (and before a plus)."""
    return parts(address.rpartition("@")[0].partition("+")[0])
