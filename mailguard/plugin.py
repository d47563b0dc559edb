"""What conditions and actions of other packages are made of; nothing else in mailguard is meant to be imported.

How such a package looks is shown by docs/skeleton. What stands here changes only as the change log announces.
"""

from mailguard.document.model import BadValue
from mailguard.document.units import Duration, Size
from mailguard.errors import CannotTell
from mailguard.records import Match
from mailguard.rules.binder import Binder
from mailguard.rules.compound import CompoundAction
from mailguard.rules.condition import Condition
from mailguard.rules.facts import Facts

__all__ = ["BadValue", "Binder", "CannotTell", "CompoundAction", "Condition", "Duration", "Facts", "Match", "Size"]
