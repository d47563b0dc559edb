"""The command line: one verb a file. Data on stdout, messages on stderr."""

import importlib
import sys

import click

from mailguard.cli.common import Context, Exit, config_option, fail, say
from mailguard.errors import ConfigError

# verb -> module; imported when asked for, so that `version` needs no web server and `queue` no rules
VERBS = {
    "serve": "serve", "demo": "demo", "init": "init", "check": "check", "test": "test", "explain": "explain",
    "backtest": "backtest", "history": "history", "rules": "rules", "promote": "promote",
    "schema": "schema", "people": "people", "queue": "queue", "user": "user", "db": "db", "reload": "reload",
    "healthcheck": "healthcheck", "doctor": "doctor", "bypass": "bypass", "audit": "audit", "legal-hold": "legal_hold",
    "token": "token", "dkim": "dkim", "support-bundle": "support_bundle", "version": "version",
}  # fmt: skip


class Verbs(click.Group):
    """Finds a verb in its file."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"mailguard.cli.{VERBS[cmd_name]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from mailguard.document.model import suggest

        if args and args[0] not in VERBS and (near := suggest(args[0], VERBS)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@config_option
def cli() -> None:
    """An email guardrail: outgoing mail waits, is checked, and leaves, is held or is copied before it is too late."""


def main() -> None:
    """The `mailguard` command. No traceback reaches a person: what is wrong is said, and nobody is told a path."""
    try:
        sys.exit(cli(obj=Context()))
    except ConfigError as error:
        fail(error, Exit.FAILED)
    except OSError as error:
        say(f"error: {error.filename or 'cannot do it'}: {error.strerror or error}")
        sys.exit(Exit.FAILED)
    except UnicodeError:
        say("error: that is not UTF-8 text")
        sys.exit(Exit.FAILED)
    except Exception as error:
        say(f"error: mailguard did not expect this ({type(error).__name__}: {error}); please report it as a bug")
        sys.exit(Exit.SOFTWARE)


__all__ = ["VERBS", "cli", "main"]
