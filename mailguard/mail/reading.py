"""What a message says, each thing read when somebody asks for it, and then once."""

from functools import cached_property

from mailguard.mail.attachments import Attachment, attachments, digests
from mailguard.mail.invited import invited
from mailguard.mail.kind import MailKind, kind
from mailguard.mail.message import Message
from mailguard.mail.sketch import Sketch, passages, sketch
from mailguard.mail.text import Text, body_text


class Reading:
    """Most mail is decided by its addresses: what is not asked for is not read. CannotTell as what is asked."""

    def __init__(self, message: Message) -> None:
        self.message = message

    @cached_property
    def text(self) -> Text:
        return body_text(self.message)

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        return attachments(self.message)

    @cached_property
    def digests(self) -> tuple[bytes, ...]:
        return digests(self.message, self.attachments)

    @cached_property
    def invited(self) -> tuple[str, ...]:
        return invited(self.message)

    @cached_property
    def kind(self) -> MailKind:
        return kind(self.message)

    @cached_property
    def sketch(self) -> Sketch:
        return sketch(self.text, passed_on=self.kind.forward)

    @cached_property
    def quoted_passages(self) -> tuple[int, ...]:
        """Of the quoted text: what to ask for where it was before."""
        return passages(self.text.quoted)
