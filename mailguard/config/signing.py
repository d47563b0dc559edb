"""The DKIM keys that the settings name, read from their files."""

from mailguard.config.files import Unusable, content
from mailguard.config.settings import Settings
from mailguard.dkim import keys
from mailguard.dkim.keys import Key
from mailguard.dkim.settings import DkimKey
from mailguard.dkim.signer import Signer
from mailguard.errors import ConfigError

_HOW = "mailguard dkim new-key DOMAIN SELECTOR writes one, and prints what belongs into DNS"


def key(named: DkimKey) -> Key:
    """Raises Unusable."""
    try:
        return keys.read(named.domain, named.selector, content(named.key_file))
    except ValueError as error:
        raise Unusable(f"{named.key_file} cannot be used: {error}", _HOW) from None


def signer(settings: Settings) -> Signer:
    """Raises ConfigError."""
    try:
        return Signer([key(named) for named in settings.dkim])
    except (Unusable, ModuleNotFoundError) as error:
        raise ConfigError(f"dkim: {error}") from error
