"""Plain urlencoded forms, parsed by the standard library from a body that has a cap."""

from email import policy
from email.parser import BytesParser
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

BODY_LIMIT = 512 << 10  # bytes: a thousand recipients ticked by hand, each address as long as RFC 5321 lets it be
_FIELDS = 2100

Form = dict[str, list[str]]


async def read(request: Request, *, files: bool = False) -> Form:
    """The form's fields. HTTPException: 413 too big, 415 another encoding, 400 not a form.

    `files`: a form with files is taken too, each as a field of its text.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await body_of(request)
    if files and kind == "multipart/form-data":
        return _parts(request.headers["content-type"], body)
    if body and kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise HTTPException(400) from None


def one(form: Form, name: str) -> str:
    """The field's value, '' when it is absent."""
    return form.get(name, [""])[0]


def _parts(kind: str, body: bytes) -> Form:
    whole = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    form: Form = {}
    for part in whole.iter_parts() if whole.is_multipart() else ():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            form.setdefault(name, []).append(content.decode("utf-8", "replace"))
    return form


async def body_of(request: Request) -> bytes:
    """All of it; HTTPException 413 when that is too much."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413)
    return bytes(body)
