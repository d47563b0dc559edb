"""The pages people use: GET shows, POST acts, and nothing needs JavaScript."""

from mailguard.web.settings import WebSettings

__all__ = ["WebSettings"]
