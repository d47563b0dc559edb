"""A store's way from its file into PostgreSQL."""
