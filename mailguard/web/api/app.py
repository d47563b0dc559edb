"""Who may ask, how often, and whether what is asked makes sense; then the endpoint does it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailguard.desk import Caller, Programs
from mailguard.errors import TemporaryFailure
from mailguard.rules.rule import RuleSet
from mailguard.store.base import Store
from mailguard.web import forms
from mailguard.web.api import openapi
from mailguard.web.api.endpoint import Call, Endpoint, Refused
from mailguard.web.api.operations import Operations
from mailguard.web.guard import subscriber
from mailguard.web.limits import Limit
from mailguard.web.site import Site

PREFIX = "/api/v1"
_ASKS, _WRONG = 600, 30  # calls of one caller a minute; wrong tokens of one client in ten
_WORDS = {
    404: ("not_found", "there is nothing here"),
    405: ("method_not_allowed", "this is asked in another way: Allow says how"),
    413: ("too_large", f"a body is at most {forms.BODY_LIMIT >> 10} KB long"),
    429: ("too_often", "too many requests: wait as long as Retry-After says"),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API needs besides the pages' site."""

    programs: Programs
    store: Store
    rules: Callable[[], RuleSet]
    health: Callable[[], Awaitable[Mapping[str, Any]]]


def create_api(site: Site, parts: Parts, person: Callable[[Request], Awaitable[str | None]]) -> Starlette:
    """To be mounted at PREFIX; `person` is who is signed in with a browser."""
    api = _Api(site, parts, person)
    endpoints = Operations(parts.programs, parts.store, parts.rules, parts.health, site.clock).endpoints()

    @cache
    def document() -> bytes:
        return json.dumps(openapi.document(endpoints, PREFIX), ensure_ascii=False).encode()

    async def described(_: Request) -> Response:
        return Response(document(), media_type="application/json")

    app = Starlette(
        routes=[
            Route("/openapi.json", described, methods=["GET"]),
            *(Route(one.path, api.answering(one), methods=[one.method]) for one in endpoints),
        ],
        exception_handlers=dict.fromkeys((Refused, HTTPException, TemporaryFailure, Exception), _answer),
    )
    app.router.redirect_slashes = False
    return app


class _Api:
    def __init__(self, site: Site, parts: Parts, person: Callable[[Request], Awaitable[str | None]]) -> None:
        self._site, self._programs, self._person = site, parts.programs, person
        self._asks = Limit(_ASKS, timedelta(minutes=1), site.clock)
        self._wrong = Limit(_WRONG, timedelta(minutes=10), site.clock)

    def answering(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller = await self._caller(request)
            if caller.role not in endpoint.roles:
                raise Refused(403, "not_allowed", f"a token of the role {caller.role} can't do this")
            asked = await _asked(endpoint, request)
            queue_id = str(request.path_params.get("queue_id", "")).upper()
            said = await endpoint.work(Call(caller, asked, queue_id, request))
            return said if isinstance(said, Response) else _json(said)

        return answer

    async def _caller(self, request: Request) -> Caller:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and token.strip():
            caller = await self._programs.caller(token.strip())
        elif kind:
            caller = None
        else:
            caller = await self._signed_in(request)
        if caller is None:
            if not self._wrong.allows(subscriber(request)):
                raise _too_often(600)
            raise Refused(401, "unauthorized", "give a token: Authorization: Bearer TOKEN (mailguard token add)")
        if not self._asks.allows(f"{caller.via} {caller.name}"):
            raise _too_often(60)
        return caller

    async def _signed_in(self, request: Request) -> Caller | None:
        """A browser's session is no word of its owner when another site's page makes the browser use it."""
        person = await self._person(request)
        if person is None:
            return None
        if request.method != "GET" and not self._site.trusts(request):
            raise Refused(403, "not_allowed", "this came from another site's page")
        return self._programs.signed_in(person)


async def _asked(endpoint: Endpoint, request: Request) -> BaseModel | None:
    try:
        if endpoint.body is not None:
            return endpoint.body.model_validate_json(await _body(request))
        said: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name in said or endpoint.query is None:
                raise Refused(422, "invalid", f"{name} is given twice, or is nothing that can be asked here")
            said[name] = value
        return endpoint.query.model_validate_strings(said) if endpoint.query is not None else None
    except ValidationError as error:
        raise _unfit(error) from None


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "not_json", "send the body as application/json")
    return await forms.body_of(request)


def _unfit(error: ValidationError) -> Refused:
    """Where and what, never the value: it may be a secret."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Refused(400, "not_json", f"the body is no JSON: {first['msg']}")
    at = ".".join(str(step) for step in first["loc"])
    return Refused(422, "invalid", f"{at}: {first['msg']}" if at else str(first["msg"]))


def _too_often(seconds: int) -> HTTPException:
    return HTTPException(429, headers={"Retry-After": str(seconds)})


def _json(said: BaseModel, status: int = 200) -> Response:
    return Response(said.model_dump_json(), status, media_type="application/json")


def _problem(status: int, error: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": error, "detail": detail}, status, headers=headers)


async def _answer(_: Request, error: Exception) -> Response:
    """What is no success, in one shape."""
    match error:
        case Refused():
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None  # noqa: PLR2004
            return _problem(error.status, error.error, str(error), headers)
        case HTTPException():
            word, detail = _WORDS.get(error.status_code, ("refused", "this can't be done"))
            return _problem(error.status_code, word, detail, error.headers)
        case TemporaryFailure():
            return _problem(503, "busy", "the store is busy: try again", {"Retry-After": "5"})
        case _:
            return _problem(500, "broken", "something went wrong inside; the service's log says what")
