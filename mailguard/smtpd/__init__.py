"""Mail in: everything between a client's connection and `accept`."""

from mailguard.smtpd.app_passwords import AppPasswords
from mailguard.smtpd.auth import Authenticator, User
from mailguard.smtpd.floor import Accept
from mailguard.smtpd.guesses import Guesses
from mailguard.smtpd.server import SmtpServer
from mailguard.smtpd.upstream import TryLogin, UpstreamUsers
from mailguard.smtpd.users import FileUsers, UserEntry, UserFile, disabled, enabled, hash_password, load_users
from mailguard.smtpd.watching import NoWatcher, Reporter, Watcher

__all__ = [
    "Accept",
    "AppPasswords",
    "Authenticator",
    "FileUsers",
    "Guesses",
    "NoWatcher",
    "Reporter",
    "SmtpServer",
    "TryLogin",
    "UpstreamUsers",
    "User",
    "UserEntry",
    "UserFile",
    "Watcher",
    "disabled",
    "enabled",
    "hash_password",
    "load_users",
]
