"""The store for several processes and hosts, in PostgreSQL. Needs the extra `postgres`."""

from mailguard.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
