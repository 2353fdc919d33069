"""The command line: serve, try it in a sandbox, or check a deployment.

vco-route-bot            serve, as the environment says
vco-route-bot sandbox    everything on this machine: no Slack, no cloud account
vco-route-bot doctor     check what a deployment needs, and say what is missing
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from bot.errors import SettingsError

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status: 0, 1 for a failed check, 2 for settings."""
    parser = argparse.ArgumentParser(
        prog="vco-route-bot",
        description="Delete routes from Alibaba Cloud IPsec-VPN connections, from Slack.",
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve Slack, as the environment says (the default)")
    commands.add_parser("sandbox", help="run everything on this machine, to try it")
    commands.add_parser("doctor", help="check what a deployment needs")
    audit = commands.add_parser("audit", help="export what happened, as JSON lines")
    audit.add_argument("--verify", action="store_true", help="has anybody changed it?")
    given = parser.parse_args(arguments)
    try:
        if given.command == "audit":
            return _audit(verify=given.verify)
        return _COMMANDS[given.command or "serve"]()
    except SettingsError as error:
        for line in error.lines:
            print(line, file=sys.stderr)  # noqa: T201 - where an operator looks
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130


def _serve() -> int:
    from bot.app import serve  # noqa: PLC0415 - wrong settings should be told at once
    from bot.logs import configure  # noqa: PLC0415
    from bot.settings import Settings  # noqa: PLC0415

    settings = Settings.from_env(os.environ, terminal=sys.stderr.isatty())
    configure(
        settings.log_format,
        level=settings.log_level,
        secrets=settings.secrets,
    )
    asyncio.run(serve(settings))
    return 0


def _doctor() -> int:
    from bot.doctor import examine  # noqa: PLC0415
    from bot.logs import configure  # noqa: PLC0415
    from bot.settings import Settings  # noqa: PLC0415

    settings = Settings.from_env(os.environ, terminal=True)
    # Its lines say it all: what goes wrong meanwhile is what it is there to tell.
    configure(settings.log_format, level="CRITICAL", secrets=settings.secrets)
    return asyncio.run(examine(settings))


def _audit(*, verify: bool) -> int:
    from bot.auditing import examine, export  # noqa: PLC0415
    from bot.errors import StoreUnavailable  # noqa: PLC0415
    from bot.settings import Settings  # noqa: PLC0415

    settings = Settings.from_env(os.environ, terminal=True)
    try:
        return asyncio.run(examine(settings) if verify else export(settings))
    except StoreUnavailable as error:
        raise SettingsError(
            [f"REDIS_URL: {settings.redis.where} does not answer ({error})"]
        ) from None


def _sandbox() -> int:
    try:
        from bot.sandbox.run import main as sandbox  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        if (error.name or "").startswith("bot."):
            line = "sandbox: the image leaves it out; run `make sandbox` in a checkout"
        else:
            line = f"sandbox: {error.name} is missing; pip install 'vco-route-bot[sandbox]'"
        raise SettingsError([line]) from None
    return sandbox()


_COMMANDS = {"serve": _serve, "sandbox": _sandbox, "doctor": _doctor}


if __name__ == "__main__":
    sys.exit(main())
