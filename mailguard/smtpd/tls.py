"""The server's side of TLS."""

import ssl

from mailguard.errors import ConfigError
from mailguard.smtpd.settings import TlsFiles


def server_context(files: TlsFiles | None) -> ssl.SSLContext | None:
    """TLS 1.2 and newer with this certificate; ConfigError that names the file and what to do."""
    if files is None:
        return None
    for file in (files.certificate, files.key):
        try:
            file.read_bytes()
        except OSError as error:
            raise ConfigError(f"smtp.tls: {file} can't be read: {error.strerror or error}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_passphrase)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"smtp.tls: {files.certificate} and {files.key} don't make a certificate with its key "
            f"({getattr(error, 'reason', None) or error}): both are PEM files, and the key has no passphrase"
        ) from None
    return context


def _no_passphrase() -> str:
    """Without it OpenSSL would ask on the terminal, and a service would wait there for ever."""
    raise ValueError("the key needs a passphrase")
