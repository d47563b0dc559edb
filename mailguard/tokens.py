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


_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # five bits each; none is mistaken for another
_APP_PASSWORD, _GROUP = 28, 4  # letters in all, and between two dashes


def new_app_password() -> str:
    """A fresh password of a device: 140 random bits, in groups that a person copies by hand."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_APP_PASSWORD))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _APP_PASSWORD, _GROUP))


def like_app_password(said: str) -> bool:
    """Whether it has the form of one, however it was typed."""
    letters = _bare(said)
    return len(letters) == _APP_PASSWORD and set(letters) <= set(_LETTERS)


def app_password_digest(person: str, said: str) -> bytes:
    """What the store keeps of it. The slow hash of a password that somebody chose would bring nothing here."""
    return digest(f"app-password:{person}:{_bare(said)}")


def _bare(said: str) -> str:
    return "".join(said.split()).replace("-", "").lower()


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
