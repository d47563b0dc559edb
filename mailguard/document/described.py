"""Models whose fields say what they are for, in the docstring below each."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler


class Described(BaseModel):
    """Its JSON schema has these docstrings.

    They are read when it is asked for. To read all of them at every start, as pydantic's `use_attribute_docstrings`
    does, was a quarter of what a command takes.
    """

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in descriptions(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return schema


@cache
def descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """By the name of the field in a file. Empty where there is no source to read."""
    told = {
        name: text for base in reversed(model.__mro__) if issubclass(base, Described) for name, text in _below(base)
    }
    return {info.alias or name: told[name] for name, info in model.model_fields.items() if name in told}


def _below(model: type[Described]) -> Iterator[tuple[str, str]]:
    try:
        source = inspect.getsource(model)
    except (OSError, TypeError):
        return
    statements = [
        statement for made in ast.parse(textwrap.dedent(source)).body for statement in getattr(made, "body", ())
    ]
    for field, below in pairwise(statements):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
