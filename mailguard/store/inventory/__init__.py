"""What the store keeps of people: every table and column of both databases, why, how long, and how it is erased.

docs/privacy.md is made of this (`make privacy`); a test fails when a table or a column is missing here.
"""

from mailguard.store.inventory.mail import MAIL
from mailguard.store.inventory.past import PAST
from mailguard.store.inventory.rest import REST
from mailguard.store.inventory.table import Table

__all__ = ["PERSONAL", "SECRET", "TABLES", "Table"]

TABLES = (*MAIL, *PAST, *REST)
PERSONAL = {table.name: table.asked for table in TABLES if table.asked}
"""Table → the statement with a person's rows."""
SECRET = frozenset({"secret", "recovery", "body_key", "key_id", "evidence", "edits", "inside"})
"""Columns that open or prove something, are encrypted, or say who else got a mail: nobody is told them."""
