"""The audit as something that can be proven: hashes over records, and the walk that checks them. Pure.

A record's digest is SHA-256 over a random salt and the record; a seal's root is SHA-256 over numbers and digests of its
records; its head is SHA-256 over the head before it, the seal's own numbers and its root. Erasing a record takes away
its words and its salt: the digest stays, so the chain still holds, and nothing can be guessed back from it.
"""

from mailguard.audit.chain import GENESIS, digest, head, root
from mailguard.audit.numbers import Numbers
from mailguard.audit.verify import Walk

__all__ = ["GENESIS", "Numbers", "Walk", "digest", "head", "root"]
