"""LDAP → people: a directory is asked in the background, and what it said last is kept while it is silent."""

from mailguard.directory.keeper import Answer, Keeper, NothingKnown
from mailguard.directory.look import asked, remembered
from mailguard.directory.remarks import few
from mailguard.directory.settings import DirectorySettings, LdapSettings

__all__ = ["Answer", "DirectorySettings", "Keeper", "LdapSettings", "NothingKnown", "asked", "few", "remembered"]
