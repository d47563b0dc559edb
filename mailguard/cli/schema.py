"""`mailguard schema`: JSON Schemas, for editors that complete and check YAML."""

import json
from typing import Any

import click

from mailguard import config, people
from mailguard.cli.common import verb
from mailguard.rules.schema import json_schema as rules_schema

_SCHEMAS: dict[str, Any] = {"config": config.json_schema, "rules": rules_schema, "people": people.json_schema}


@verb("schema")
@click.argument("what", type=click.Choice(sorted(_SCHEMAS)))
def command(what: str) -> None:
    """Print a JSON Schema, for your editor.

    Of mailguard.yaml (config), of rule files or of people.yaml.
    """
    click.echo(json.dumps(_SCHEMAS[what](), indent=2, ensure_ascii=False))
