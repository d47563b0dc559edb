"""How long what is kept."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, counted from the end of the last recipient."""

    bodies: timedelta
    decisions: timedelta
    facts: timedelta
    habits: timedelta = timedelta(days=400)
