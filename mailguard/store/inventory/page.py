"""The inventory as people read it."""

from mailguard.store.inventory import TABLES

_BEGIN, _END = "<!-- inventory: make privacy -->", "<!-- end of the inventory -->"


def markdown() -> str:
    """The inventory for people: a row a table, those with personal data first."""
    lines = ["| table | what it is | of people | why | how long | erased |", "|---|---|---|---|---|---|"]
    for table in sorted(TABLES, key=lambda table: not table.personal):
        of = "; ".join(f"`{column}` {what}" for column, what in table.personal.items()) or "nothing"
        lines.append(f"| `{table.name}` | {table.what} | {of} | {table.why} | {table.kept} | {table.erased} |")
    return "\n".join(lines)


def written_into(page: str) -> str:
    """A page with the inventory between its marks."""
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}\n{markdown()}\n{_END}{rest.partition(_END)[2]}"
