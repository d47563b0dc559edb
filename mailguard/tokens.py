"""A random capability and its digest: links and cookies carry the token, the store keeps only the digest."""

import hashlib
import secrets


def new() -> str:
    """A fresh token: 256 random bits, safe in a URL and in a cookie."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What the store keeps of a token or code. A plain SHA-256: tokens have nothing to guess at."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_answer() -> str:
    """A fresh token for a reply address: 128 random bits, in letters that survive every change of case."""
    return secrets.token_hex(16)


def answer_digest(token: str) -> bytes:
    """What the store keeps of it: another than of a link's token, so that neither does for the other."""
    return digest(f"answer:{token}")


def code() -> str:
    """Six digits that a person types; guessing them is limited where they are used, not by their length."""
    return f"{secrets.randbelow(1_000_000):06d}"
