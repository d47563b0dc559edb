"""What is said of one table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BODIES, DECISIONS = "`retention.bodies` after its last recipient", "`retention.decisions` after its last recipient"
FACTS, HABITS = "`retention.facts`", "`retention.habits`, of a sender the latest 1,000 mails"
WITH_MAIL = "with the mail"


@dataclass(frozen=True, slots=True)
class Table:
    """One of them. `personal`: column → what it says of whom; `plain`: columns that say nothing of anybody."""

    name: str
    what: str
    why: str
    kept: str
    erased: str
    plain: str
    personal: Mapping[str, str] = field(default_factory=dict)
    asked: str = ""  # the statement with a person's rows; '' where no row is anybody's by itself

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(self.plain.split()) | self.personal.keys()
