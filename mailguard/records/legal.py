"""Of whom nothing is forgotten."""

from dataclasses import dataclass
from datetime import datetime

EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class LegalHold:
    """One person's (a key), or EVERYBODY's; `source` is where it was said: it is lifted there, too."""

    person: str
    source: str
    reason: str
    made_by: str
    made_at: datetime
