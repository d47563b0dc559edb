"""The OpenAPI document, made from the endpoints themselves: what it says is what is checked."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mailguard.web.api.endpoint import Endpoint

_REF = "#/components/schemas/{model}"
_JSON = "application/json"
_DESCRIPTION = (
    "What the pages do, for programs: the same powers, confirmations and records. Sign in with "
    "`Authorization: Bearer TOKEN` (`mailguard token add`), or with the outbox's session cookie, which is good "
    "for one's own mail only. No answer holds a mail's text."
)

Mode = Literal["validation", "serialization"]


def document(endpoints: Sequence[Endpoint], server: str) -> dict[str, Any]:
    """OpenAPI 3.1; `server` is where the API's paths begin."""
    wanted: list[tuple[type[BaseModel], Mode]] = [(model, mode) for model, mode in dict.fromkeys(_models(endpoints))]
    refs, schemas = models_json_schema(wanted, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mailguard", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": server}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "mailguard-session"},
            },
        },
    }


def _models(endpoints: Iterable[Endpoint]) -> Iterator[tuple[type[BaseModel], Mode]]:
    for endpoint in endpoints:
        if endpoint.body:
            yield endpoint.body, "validation"
        if isinstance(endpoint.answer, type):
            yield endpoint.answer, "serialization"
        for _, model in endpoint.statuses.values():
            yield model, "serialization"


def _operation(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    roles = ", ".join(sorted(endpoint.roles))
    answer = endpoint.answer
    content: dict[str, Any] = (
        {_JSON: {"schema": refs[answer, "serialization"]}}
        if isinstance(answer, type)
        else {kind: {"schema": {"type": "string"}} for kind in answer}
    )
    said: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": f"Roles: {roles}.",
        "parameters": [*_path(endpoint), *_query(endpoint)],
        "responses": {"200": {"description": "done", "content": content}}
        | {
            str(status): {"description": words, "content": {_JSON: {"schema": refs[model, "serialization"]}}}
            for status, (words, model) in endpoint.statuses.items()
        },
    }
    if endpoint.body:
        schema = refs[endpoint.body, "validation"]
        said["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return said


def _path(endpoint: Endpoint) -> list[dict[str, Any]]:
    if "{queue_id}" not in endpoint.path:
        return []
    return [{"name": "queue_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}]


def _query(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """Every parameter by itself. What is not given is not there: nothing in a query is null."""
    if endpoint.query is None:
        return
    _, schemas = models_json_schema([(endpoint.query, "validation")], ref_template=_REF)
    definitions = schemas["$defs"]
    for name, schema in definitions[endpoint.query.__name__]["properties"].items():
        shown = {key: value for key, value in schema.items() if key not in ("title", "description", "default")}
        options = shown.pop("anyOf", [shown])
        (only,) = [option for option in options if option.get("type") != "null"]
        if "$ref" in only:
            only = definitions[only["$ref"].rpartition("/")[2]]
        yield {"name": name, "in": "query", "description": schema.get("description", ""), "schema": only}
