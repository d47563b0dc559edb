"""Why a person's press was not done."""

from mailguard.errors import MailguardError


class NotConfirmed(MailguardError):
    """A tick or the page's nonce is missing, or the mail changed since the page was shown (HTTP 422)."""


class NotAllowed(MailguardError):
    """This person has no such power over this mail (HTTP 403)."""


class CodeNeeded(MailguardError):
    """The link alone is not enough: a code was mailed to the person just now."""


class CodeWrong(MailguardError):
    """Not the code that was mailed, or it is used up or too old."""
