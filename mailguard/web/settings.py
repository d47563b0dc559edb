"""The `web:` section of mailguard.yaml."""

from urllib.parse import urlsplit

from pydantic import field_validator

from mailguard.document.units import HostPort, Section


class WebSettings(Section):
    """Where the pages are served, and what the links in notices start with."""

    bind: HostPort = "127.0.0.1:8025"
    """HOST:PORT to listen on; put a TLS proxy in front of it."""
    url: str = "http://127.0.0.1:8025"
    """What people's browsers call it: every link starts with this, never with a request's Host header."""

    @field_validator("url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        parts = urlsplit(value.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{value!r} is not a web address: write one like https://mailguard.corp.example")
        if parts.path or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"{value!r}: only scheme, host and port; mailguard needs a host name of its own")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @property
    def secure(self) -> bool:
        """People reach it over TLS, so cookies may demand it."""
        return self.url.startswith("https:")
