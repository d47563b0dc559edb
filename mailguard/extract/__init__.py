"""What is in attached files, read by processes of their own: a bomb or a crash is a fact about one file."""

from mailguard.extract.limits import Limits
from mailguard.extract.pool import Pool
from mailguard.extract.process import Worker

__all__ = ["Limits", "Pool", "Worker"]
