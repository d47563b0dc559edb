"""The server's side of TLS."""

import ssl

from mailguard.errors import ConfigError
from mailguard.smtpd.settings import TlsFiles

# X509_V_ERR_* of OpenSSL
_DATES = {9: "the certificate is not valid yet: is the clock right?", 10: "the certificate has expired: renew it"}


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


def refuse_outdated(context: ssl.SSLContext, files: TlsFiles) -> None:
    """ConfigError when no client would take this certificate today: OpenSSL says so of a handshake in memory."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is trusted; its dates count
    trusting.load_verify_locations(files.certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    server, client = context.wrap_bio(there, back, server_side=True), trusting.wrap_bio(back, there)
    for end in (client, server, client):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in _DATES:
                raise ConfigError(f"smtp.tls: {files.certificate}: {_DATES[error.verify_code]}") from None
