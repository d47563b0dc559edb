"""Webhooks: other systems hear of what was held, released or failed.

`herald` is imported by the service alone: who only reads the configuration needs no HTTP client.
"""

from mailguard.webhooks.settings import Webhook

__all__ = ["Webhook"]
