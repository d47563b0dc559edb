"""Where an answer to a notice goes: the notices' own address with a token in it (RFC 5233), good for answers alone.

Servers on the way write addresses into their logs. So this token opens no page, and is worth nothing to anybody but the
person the notice was sent to.
"""

from mailguard.mail.address import LOCAL_OCTETS, key


def address(sender: str, token: str) -> str:
    """`mailguard+TOKEN@corp.example`; '' where the sender's own name leaves no room for it."""
    local, _, host = sender.rpartition("@")
    return f"{local}+{token}@{host}" if len(local) + 1 + len(token) <= LOCAL_OCTETS else ""


def token(sender: str, recipient: str) -> str | None:
    """The token in an address of ours, '' in the bare one; None for anybody else's."""
    local, _, host = key(sender).rpartition("@")
    name, _, domain = key(recipient).rpartition("@")
    if domain != host or not (name == local or name.startswith(f"{local}+")):
        return None
    return name[len(local) + 1 :]
