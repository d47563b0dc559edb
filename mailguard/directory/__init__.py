"""LDAP → people: a directory is asked in the background, and what it said last is kept while it is silent."""

from mailguard.directory.keeper import Answer, Keeper, NothingKnown
from mailguard.directory.logins import asker
from mailguard.directory.look import asked, remembered
from mailguard.directory.remarks import few
from mailguard.directory.settings import DirectorySettings, LdapLogins, LdapSettings
from mailguard.directory.words import NoAnswer

__all__ = [
    "Answer",
    "DirectorySettings",
    "Keeper",
    "LdapLogins",
    "LdapSettings",
    "NoAnswer",
    "NothingKnown",
    "asked",
    "asker",
    "few",
    "remembered",
]
