"""Addresses on the web that secrets may be sent to."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def safe(url: str) -> bool:
    """Whether secrets may go there: https, or http to this machine, and nothing odd in it."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
