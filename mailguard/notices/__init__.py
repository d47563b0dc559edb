"""The mails people get from mailguard. Pure: facts, links and the time come in, bytes go out."""

from mailguard.notices.compose import render
from mailguard.notices.settings import Digest, NoticeSettings

__all__ = ["Digest", "NoticeSettings", "render"]
