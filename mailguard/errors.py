"""What can go wrong, as types: whether a failure is for good is never a flag beside a value."""

from collections.abc import Sequence


class MailguardError(Exception):
    """Root of every error that mailguard raises on purpose."""


class SmtpError(MailguardError):
    """A failure that a mail client is told about: code, enhanced code (RFC 3463) and one line of ASCII.

    `message` and `values` are as of `CannotTell`: people read them in their own language, mail clients never.
    """

    code = 451
    enhanced = "4.3.0"

    def __init__(
        self, message: str, *, code: int | None = None, enhanced: str | None = None, **values: str | int
    ) -> None:
        self.message, self.values = message, values
        self.text = message.format_map(values) if values else message
        super().__init__(self.text)
        self.code = code or self.code
        self.enhanced = enhanced or self.enhanced

    @property
    def line(self) -> str:
        """The reply as it goes on the wire, without CR LF: ASCII, no controls, at most 450 octets."""
        text = "".join(c if " " <= c <= "~" else "?" for c in self.text)
        return f"{self.code} {self.enhanced} {text}"[:450]


class TemporaryFailure(SmtpError):
    """Try again later (4xx)."""


class PermanentFailure(SmtpError):
    """It will never work like this (5xx)."""

    code = 550
    enhanced = "5.7.1"


class StoreFull(TemporaryFailure):
    """No room to keep another mail; what is kept already goes on leaving."""

    code = 452
    enhanced = "4.3.1"


class StoreBroken(MailguardError):
    """The store can no longer be trusted (I/O error, failed fsync, corruption): stop, keep the file."""


class CannotTell(MailguardError):
    """A condition or parser that could not decide; the mail is held, never passed and never rejected.

    `message` has a `{gap}` for each of `values`, so that it can be said in another language (`locale.sayings.told`).
    """

    def __init__(self, message: str = "", /, **values: str | int) -> None:
        super().__init__(message.format_map(values) if values else message)
        self.message, self.values = message, values


class NotKept(CannotTell):
    """A rule asks a past mail something that was not kept of it: neither true nor false, and no reason to hold."""


class UnderLegalHold(MailguardError):
    """What was to be forgotten must be kept; the message says whose hold it is, since when and why."""


class ClaimLost(MailguardError):
    """The delivery was taken over by another attempt: this one's outcome must not be written."""


class MailChanged(MailguardError):
    """The mail is another than the one that was looked at: nothing was done, and it is to be looked at again."""


class ConfigError(MailguardError):
    """Files a person wrote are wrong; `problems` are `document.Problem`s, all of one run."""

    def __init__(self, text: str, problems: Sequence[object] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


class RuleError(ConfigError):
    """The rule files are wrong; the rules that are live stay live."""
