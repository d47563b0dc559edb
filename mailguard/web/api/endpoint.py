"""One operation of the API: what it takes and answers as types, and the function that does it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from mailguard.desk import Caller
from mailguard.records import Role
from mailguard.web.api.models import Problem


class Refused(Exception):
    """An answer that is no success: status, a word for programs, a sentence for people."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.error = status, error


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: who asks, for which mail, and what came with it."""

    caller: Caller
    asked: Any  # an instance of the endpoint's `query` or `body`
    queue_id: str
    request: Request


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`answer` is a type, or the media types of a stream; `more` are answers of other statuses."""

    method: str
    path: str
    name: str
    summary: str
    work: Callable[[Call], Awaitable[BaseModel | Response]]
    roles: frozenset[Role]
    answer: type[BaseModel] | tuple[str, ...]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    more: Mapping[int, tuple[str, type[BaseModel]]] = field(default_factory=dict)

    @property
    def statuses(self) -> dict[int, tuple[str, type[BaseModel]]]:
        """Every status but 200, with its words and its type."""
        found: dict[int, tuple[str, type[BaseModel]]] = {
            401: ("no token, or none that opens anything", Problem),
            403: ("not with this role, or not this caller's to do", Problem),
            422: ("what was asked does not fit", Problem),
            429: ("too often: wait as long as Retry-After says", Problem),
            503: ("the store is busy: try again", Problem),
        }
        if "{" in self.path:
            found[404] = ("there is no such mail, or it is not this caller's", Problem)
        if self.body:
            found |= {
                400: ("the body is no JSON", Problem),
                413: ("the body is too large", Problem),
                415: ("the body is no application/json", Problem),
            }
        return dict(sorted((found | dict(self.more)).items()))
