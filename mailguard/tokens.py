"""A random capability and its digest: links and cookies carry the token, the store keeps only the digest."""

import hashlib
import hmac
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


class Marks:
    """Fields of forms that say what their page showed, and to whom: another page's does not do.

    The secret is this process's own, so a page from before a restart is looked at again; where several processes answer
    for one another they share it.
    """

    def __init__(self) -> None:
        self.secret = secrets.token_bytes(32)

    def of(self, *shown: str) -> str:
        """A new mark for what was shown."""
        nonce = secrets.token_hex(8)
        return f"{nonce}.{self._proof(nonce, shown)}"

    def fits(self, mark: str, *shown: str) -> bool:
        """Whether this is a mark of ours for exactly that."""
        nonce, _, proof = mark.partition(".")
        return hmac.compare_digest(proof.encode(errors="replace"), self._proof(nonce, shown).encode())

    def _proof(self, nonce: str, shown: tuple[str, ...]) -> str:
        about = "\0".join((nonce, *shown)).encode("utf-8", "replace")
        return hmac.new(self.secret, about, "sha256").hexdigest()[:32]
