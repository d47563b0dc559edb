"""What a provider says of itself (OpenID Connect Discovery)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailguard.document.url import safe
from mailguard.oidc.identity import Unreachable
from mailguard.oidc.settings import IssuerSettings

# Signed with a key that only the provider has: no `none`, and nothing that our own secret could sign.
SOUND = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where it is asked what, and how."""

    authorization: str
    token: str
    keys: str
    user: str  # '' for none
    leave: str  # likewise
    algorithms: tuple[str, ...]
    post: bool  # the client's secret goes in the body, not in a header
    says_issuer: bool  # in every answer (RFC 9207)


def metadata(said: Mapping[str, Any], settings: IssuerSettings) -> Metadata:
    """Raises Unreachable for another provider's, and for one that cannot be used."""
    if said.get("issuer") != settings.issuer:
        raise Unreachable(f"it calls itself {said.get('issuer')!r}, not {settings.issuer!r}: set issuer to the letter")
    algorithms = tuple(a for a in _list(said, "id_token_signing_alg_values_supported", "RS256") if a in SOUND)
    if not algorithms:
        raise Unreachable("it signs ID tokens by no method that can be trusted, like RS256 or ES256")
    return Metadata(
        _url(said, "authorization_endpoint"), _url(said, "token_endpoint"), _url(said, "jwks_uri"),
        _url(said, "userinfo_endpoint", ""), _url(said, "end_session_endpoint", ""), algorithms,
        "client_secret_post" in _list(said, "token_endpoint_auth_methods_supported", "client_secret_basic"),
        said.get("authorization_response_iss_parameter_supported") is True,
    )  # fmt: skip


def _list(said: Mapping[str, Any], name: str, default: str) -> list[str]:
    found = said.get(name)
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else [default]


def _url(said: Mapping[str, Any], name: str, default: str | None = None) -> str:
    found = said.get(name, default)
    if found == "" and default == "":
        return ""
    if not isinstance(found, str) or not safe(found):
        raise Unreachable(f"its openid-configuration has no https address as {name}")
    return found
