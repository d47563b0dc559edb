"""Plain urlencoded forms, parsed by the standard library from a body that has a cap."""

from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

BODY_LIMIT = 512 << 10  # bytes: a thousand recipients ticked by hand, each address as long as RFC 5321 lets it be
_FIELDS = 2100

Form = dict[str, list[str]]


async def read(request: Request) -> Form:
    """The form's fields. HTTPException: 413 too big, 415 another encoding, 400 not a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _body(request)
    if body and kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise HTTPException(400) from None


def one(form: Form, name: str) -> str:
    """The field's value, '' when it is absent."""
    return form.get(name, [""])[0]


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413)
    return bytes(body)
