"""Where the stories are played: real SMTP into the relay, real links out of the notices, real forms."""

import asyncio
import re
import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from html import unescape
from http.client import HTTPConnection
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from mailguard.demo.world import Caught, OutsideWorld
from mailguard.records import Mail
from mailguard.service import Service

_LINK = re.compile(r"http://\S+/m/[\w-]+")
_SEEN = re.compile(r'name="seen"\s+value="([^"]+)"')
_CODE = re.compile(r"\b\d{6}\b")
_QUEUE_ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{13}\b")


class Time(Protocol):
    """How time goes by on this stage: hurried in the demo, moved by hand in tests."""

    async def pass_by(self, minutes: float) -> None: ...


class StoryError(Exception):
    """The story did not go as it must."""


def expect(true: object, otherwise: str) -> None:
    """StoryError with these words unless it is true."""
    if not true:
        raise StoryError(otherwise)


@dataclass(frozen=True, slots=True)
class Stage:
    """One running mailguard with the outside world behind it."""

    service: Service
    world: OutsideWorld
    time: Time

    async def send(
        self,
        sender: str,
        to: Sequence[str],
        subject: str,
        body: str,
        *,
        cc: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Submit a mail as any client does; its queue id."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, ", ".join(to), subject
        if cc:
            message["Cc"] = ", ".join(cc)
        message["Date"] = format_datetime(self.service.clock.now())
        message["Message-ID"] = make_msgid(domain="corp.example")
        for name, value in (headers or {}).items():
            del message[name]
            message[name] = value
        message.set_content(body)
        reply = await asyncio.to_thread(self._submit, sender, [*to, *cc], message.as_bytes(policy=SMTP))
        found = _QUEUE_ID.search(reply)
        if found is None:
            raise StoryError(f"no queue id in the answer: {reply}")
        return found[0]

    def _submit(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        with smtplib.SMTP("127.0.0.1", self.service.smtp.ports[0], timeout=30) as client:
            client.ehlo()
            client.mail(sender)
            for recipient in recipients:
                client.rcpt(recipient)
            code, text = client.data(content)
        return f"{code} {text.decode()}"

    async def mail(self, queue_id: str) -> Mail:
        """How it stands with a mail."""
        mail = await self.service.store.get(queue_id)
        if mail is None:
            raise StoryError(f"{queue_id} is not in the store")
        return mail

    async def arrival(self, recipient: str, subject: str) -> Caught:
        """The mail with this subject in this mailbox outside, as soon as it is there."""
        try:
            return await self.world.wait_for(
                lambda mail: mail in self.world.to(recipient) and mail.subject == subject and not mail.is_notice
            )
        except TimeoutError:
            raise StoryError(f"“{subject}” never reached {recipient}") from None

    def arrived(self, recipient: str, subject: str) -> bool:
        """Whether it is there already."""
        return any(mail.subject == subject and not mail.is_notice for mail in self.world.to(recipient))

    async def notice(self, person: str, subject: str) -> str:
        """The text of this person's notice about the mail with this subject."""
        try:
            notice = await self.world.wait_for(
                lambda mail: mail in self.world.to(person) and subject in mail.subject and mail.is_notice
            )
        except TimeoutError:
            raise StoryError(f"no notice about “{subject}” reached {person}") from None
        return notice.text

    async def link(self, person: str, subject: str) -> str:
        """The link in that notice."""
        found = _LINK.search(await self.notice(person, subject))
        if found is None:
            raise StoryError(f"the notice about “{subject}” has no link")
        return found[0]

    async def press(self, link: str, button: str, *, answered: int = 200, **fields: str) -> str:
        """Open the page, fill in the form as a person does, press; the page that comes then.

        `answered` 422: it asks for more.
        """
        page = await asyncio.to_thread(_fetch, link)
        seen = _SEEN.search(page)
        form = {"seen": unescape(seen[1]) if seen else "", **fields}
        filled = urlencode(form) if button != "stop" else ""
        return await asyncio.to_thread(_fetch, f"{link}/{button}", filled, answered)

    async def approve(self, person: str, subject: str, recipient: str) -> None:
        """Press in this person's notice, read the code that is mailed then, press again."""
        link = await self.link(person, subject)
        await self.press(link, "send", answered=422, confirm=recipient)
        code = _CODE.search(await self.notice(person, "mailguard code"))
        expect(code, "no code was mailed")
        await self.press(link, "send", confirm=recipient, code=code[0] if code else "")


def _fetch(url: str, form: str | None = None, expected: int = 200) -> str:
    """GET, or POST a form and follow the 303."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        if form is None:
            connection.request("GET", parts.path)
        else:
            connection.request("POST", parts.path, form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status == 303:  # noqa: PLR2004 - See Other
            target = answer.headers["Location"]
            return _fetch(target if target.startswith("http") else f"{parts.scheme}://{parts.netloc}{target}")
        if answer.status != expected:
            raise StoryError(f"{parts.path.rsplit('/', 1)[-1]} was answered {answer.status}")
        return text
    finally:
        connection.close()
