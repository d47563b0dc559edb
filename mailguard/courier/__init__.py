"""Carrying mail away: routes, connections, SMTP, and one outcome per recipient."""
