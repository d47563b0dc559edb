"""The REST API under /api/v1: the desk for programs, with the OpenAPI document made from the code that answers."""

from mailguard.web.api.app import Parts, create_api

__all__ = ["Parts", "create_api"]
