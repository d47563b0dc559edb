"""The pages people use: GET shows, POST acts, and nothing needs JavaScript."""

from mailguard.web.app import create_app, metrics_app
from mailguard.web.server import WebServer
from mailguard.web.settings import WebSettings

__all__ = ["WebServer", "WebSettings", "create_app", "metrics_app"]
