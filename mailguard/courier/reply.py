"""What a server's answer means for a recipient, and how it is written down."""

import re
from dataclasses import replace

from mailguard.errors import SmtpError
from mailguard.locale import Saying, saying
from mailguard.records import Outcome, Reply, Result

TEXT_LIMIT = 500  # characters kept of what a server says: it ends in logs, pages and reports

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]+")  # and what turns text around
_BROKEN = re.compile(r"[\ud800-\udfff]")  # how aiosmtplib hands on bytes that are no UTF-8: no database takes it

_KINDS = {2: Result.SENT, 4: Result.DEFERRED, 5: Result.FAILED}
TOO_BIG = 552  # RFC 5321 §4.5.3.1.10: on RCPT it means too many recipients, like 452
CLOSING = 421
NO_REQUIRE_TLS, NO_TLS = "5.7.30", "5.7.10"  # RFC 8689 §4.2.1: the server does not offer it; no TLS that is verified


def heard(code: int, text: str, remote: str) -> Reply:
    """A server's words made harmless: one line, no control characters, capped; enhanced code taken out."""
    lines, enhanced = [], ""
    for line in text.split("\n"):
        found = _ENHANCED.match(line)
        if found and found[1][0] == str(code)[0]:  # a code of another class contradicts the reply: just text
            enhanced = enhanced or found[1]
            line = line[found.end() :]  # noqa: PLW2901 - every line may repeat it (RFC 2034 §4)
        lines.append(line)
    return Reply(code, enhanced, harmless(" ".join(lines)), remote)


def harmless(text: str) -> str:
    """One capped line that any log, terminal, database and report can bear."""
    if text.isascii() and text.isprintable() and "  " not in text:  # nearly always: there is nothing to put right
        return text.strip(" ")[:TEXT_LIMIT]
    return _SPACE.sub(" ", _BROKEN.sub("\ufffd", text)).strip()[:TEXT_LIMIT]


def own(error: SmtpError) -> Reply:
    """A failure that we state ourselves, as a reply."""
    if not error.text:
        return Reply(error.code, error.enhanced, "")
    values = {name: harmless(one) if type(one) is str else one for name, one in error.values.items()}
    return Reply(error.code, error.enhanced, Saying(harmless(error.message), values))


def outcome(reply: Reply) -> Outcome:
    """2xx is sent (251 too), 4xx is tried again, 5xx is failed for good; a 3xx here is out of place."""
    kind = _KINDS.get(reply.code // 100)
    return Outcome(kind, reply) if kind else out_of_place(reply)


def out_of_place(reply: Reply) -> Outcome:
    """An answer that can't be one to what was asked: tried again, and told in our own words."""
    words = saying("{host} gave an answer that is out of place: {reply}", host=reply.remote, reply=str(reply))
    return Outcome(Result.DEFERRED, Reply(451, "4.5.0", words))


def rcpt_outcome(reply: Reply) -> Outcome:
    """As `outcome`, for an answer to RCPT; SENT means accepted so far."""
    judged = outcome(reply)
    return replace(judged, result=Result.DEFERRED) if reply.code == TOO_BIG else judged


def unprotected(result: Outcome) -> bool:
    """Failed here because REQUIRETLS could not be kept, before anything was sent."""
    reply = result.reply
    return result.result is Result.FAILED and reply.remote == "" and reply.enhanced in (NO_REQUIRE_TLS, NO_TLS)


def crowded(result: Outcome) -> bool:
    """Refused only because the transaction has too many recipients: another one may take it at once."""
    reply = result.reply
    return (
        result.result is Result.DEFERRED
        and reply.code in (452, TOO_BIG)
        and reply.enhanced in ("", "4.5.3", "5.5.3")
        and reply.remote != ""
    )
