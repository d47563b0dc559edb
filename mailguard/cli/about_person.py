"""All that is kept of one person, written out for them."""

import json
import sys
from base64 import b64encode
from contextlib import nullcontext
from pathlib import Path

import click

from mailguard.cli.common import say
from mailguard.cli.saving import private
from mailguard.config import Config
from mailguard.mail.address import key
from mailguard.store.places import place


async def of_person(config: Config, person: str, output: Path | None) -> None:
    """JSON Lines: a row each with its table, then the messages they sent, as long as their bytes are kept."""
    if "@" not in person.strip("@"):
        raise click.BadParameter(f"{person!r} is no mail address", param_hint="--person")
    rows = mails = 0
    async with place(config.store_url, config.encryption).onlooker() as store:
        with private(output) if output else nullcontext(sys.stdout) as file:
            for table, row in await store.of_person(person):
                file.write(json.dumps({"table": table, **row}, ensure_ascii=False) + "\n")
                rows += 1
                if table == "mail" and key(person) in (row["sender_key"], row["answers_key"]):
                    raw = b"".join([chunk async for chunk in store.body(row["queue_id"])])
                    if len(raw) == row["size"] > 0:
                        said = {"table": "message", "queue_id": row["queue_id"], "base64": b64encode(raw).decode()}
                        file.write(json.dumps(said) + "\n")
                        mails += 1
    say(f"rows of {person}: {rows}, messages: {mails}")
