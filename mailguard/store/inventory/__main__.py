"""`python -m mailguard.store.inventory docs/privacy.md` writes the inventory into the page."""

import sys
from pathlib import Path

from mailguard.store.inventory.page import written_into

page = Path(sys.argv[1])
page.write_text(written_into(page.read_text("utf-8")), "utf-8")
