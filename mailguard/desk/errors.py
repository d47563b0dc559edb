"""Why a person's press was not done."""

from mailguard.errors import MailguardError


class Refusal(MailguardError):
    """A sentence for the person who pressed, marked for translation (`N_`), and what fills its gaps."""

    def __init__(self, sentence: str, **values: str) -> None:
        super().__init__(sentence.format(**values))
        self.sentence, self.values = sentence, values


class NotConfirmed(Refusal):
    """A tick or the page's nonce is missing, or the mail changed since the page was shown (HTTP 422)."""


class NotAllowed(Refusal):
    """This person has no such power over this mail (HTTP 403)."""


class CodeNeeded(Refusal):
    """The link alone is not enough: a code was mailed to the person just now."""


class CodeWrong(Refusal):
    """Not the code that was mailed, or it is used up or too old."""
