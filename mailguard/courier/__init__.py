"""Carrying mail away: routes, connections, SMTP, and one outcome per recipient."""

from mailguard.courier.courier import Courier
from mailguard.courier.parcel import Parcel
from mailguard.courier.pool import Shares
from mailguard.courier.settings import NextHop
from mailguard.courier.wire import Timeouts

__all__ = ["Courier", "NextHop", "Parcel", "Shares", "Timeouts"]
