"""The command line: serve, try it in a sandbox, or check a deployment.

vco-route-bot            serve, as the environment says
vco-route-bot sandbox    everything on this machine: no Slack, no cloud account
vco-route-bot doctor     check what a deployment needs, and say what is missing
vco-route-bot requests   what is pending and in flight, what was done: read from Redis alone
vco-route-bot policy     is a policy file right, and what would it ask of whom
vco-route-bot record     what Alibaba Cloud answers, anonymous, as a file for the tests
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence

from bot.errors import SettingsError, TaskEnded
from bot.version import VERSION

FAILED = 1
USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status.

    0: all is well, or it was asked to stop. 1: a check failed, or a part of the bot has ended
    unasked and it wants to be started again. 2: the settings are wrong; `doctor`, which is there
    to find that out, has a line for each, and 1.
    """
    parser = argparse.ArgumentParser(
        prog="vco-route-bot",
        description="Delete routes from Alibaba Cloud IPsec-VPN connections, from Slack.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve Slack, as the environment says (the default)")
    commands.add_parser("sandbox", help="run everything on this machine, to try it")
    doctor = commands.add_parser("doctor", help="check what a deployment needs")
    doctor.add_argument("--json", action="store_true", help="JSON lines, for machines")
    _add_audit(commands.add_parser("audit", help="export what happened, verify it, trim it"))
    _add_requests(commands.add_parser("requests", help="what is in flight; `show ID`: all of one"))
    _add_policy(commands.add_parser("policy", help="check a policy file, or explain it"))
    recorded = commands.add_parser("record", help="write what Alibaba Cloud answers, anonymous")
    recorded.add_argument("file", metavar="FILE", help="a new file")
    given = parser.parse_args(arguments)
    try:
        if given.command in _WITH_ARGUMENTS:
            return _WITH_ARGUMENTS[given.command](given)
        return _COMMANDS[given.command or "serve"]()
    except (SettingsError, TaskEnded) as error:
        print(error, file=sys.stderr)  # noqa: T201 - where an operator looks
        return USAGE_ERROR if isinstance(error, SettingsError) else FAILED
    except KeyboardInterrupt:
        return 130


def _add_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verify",
        nargs="*",
        metavar="FILE",
        help="has anybody changed it? With FILEs, what was trimmed is verified too",
    )
    parts = parser.add_subparsers(dest="part")
    export = parts.add_parser("export", help="write it into a new file, verified")
    export.add_argument("file", metavar="FILE")
    trim = parts.add_parser("trim", help="remove from Redis what these files hold, verified")
    trim.add_argument("files", metavar="FILE", nargs="+")


def _add_requests(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="those that have ended too")
    parser.add_argument("--json", action="store_true", help="JSON lines, for machines")
    show = parser.add_subparsers(dest="part").add_parser("show", help="all that is recorded of one")
    show.add_argument("id", metavar="ID", help="such as r-7k2m9x4q")
    # Said before `show` it counts as well.
    show.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True)
    check = parts.add_parser("check", help="is a policy file right? Names the line of what is not")
    check.add_argument("file", metavar="FILE")
    check.add_argument(
        "--live",
        action="store_true",
        help="look for the connections and user groups too, with the credentials of the bot",
    )
    explain = parts.add_parser("explain", help="what would be asked of whom, and by which rule")
    explain.add_argument("--user", required=True, metavar="U…", help="who asks")
    explain.add_argument("--connection", required=True, metavar="vco-…")
    explain.add_argument("--route", required=True, nargs="+", metavar="CIDR")
    explain.add_argument("--region", help="default: ALIBABA_CLOUD_REGION_ID")
    explain.add_argument("--channel", metavar="C…", help="default: VCO_APPROVAL_CHANNEL")
    explain.add_argument("--file", help="default: VCO_POLICY_FILE, or else VCO_APPROVERS")


def _serve() -> int:
    # All that is imported stays: to look through it for garbage is a tenth of the start, and
    # later a pause of every full collection.
    gc.disable()
    from bot.config.settings import Settings
    from bot.logs import configure
    from bot.service.run import serve

    gc.freeze()
    gc.enable()
    settings = Settings.from_env(os.environ, terminal=sys.stderr.isatty())
    configure(
        settings.log_format,
        level=settings.log_level,
        secrets=settings.secrets,
    )
    # Until the policy can be read again, this must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asyncio.run(serve(settings))
    return 0


def _doctor(given: argparse.Namespace) -> int:
    from bot.cli.checks.settings import of_settings
    from bot.cli.doctor import examine, report
    from bot.config.settings import Settings
    from bot.logs import configure

    try:
        settings = Settings.from_env(os.environ, terminal=True)
    except SettingsError as error:
        return report(of_settings(error.lines), json=given.json)
    # Its lines say it all: what goes wrong meanwhile is what it is there to tell.
    configure(settings.log_format, level="CRITICAL", secrets=settings.secrets)
    return asyncio.run(examine(settings, json=given.json))


def _policy(given: argparse.Namespace) -> int:
    from bot.cli.policy import check, explained
    from bot.config.settings import LogFormat
    from bot.logs import configure

    configure(LogFormat.CONSOLE, level="CRITICAL")
    if given.part == "check":
        return asyncio.run(check(given.file, os.environ, live=given.live))
    return explained(
        os.environ,
        user=given.user,
        connection=given.connection,
        routes=given.route,
        region_id=given.region,
        channel=given.channel,
        file=given.file,
    )


def _record(given: argparse.Namespace) -> int:
    from bot.cli.record import record
    from bot.config.settings import LogFormat
    from bot.logs import configure

    # Its lines say it all, and name no connection.
    configure(LogFormat.CONSOLE, level="CRITICAL")
    return asyncio.run(record(given.file, os.environ))


def _audit(given: argparse.Namespace) -> int:
    from bot.cli.audit import examine, export, export_to, trim

    if given.part == "export":
        return asyncio.run(export_to(os.environ, given.file))
    if given.part == "trim":
        return asyncio.run(trim(os.environ, given.files))
    if given.verify is not None:
        return asyncio.run(examine(os.environ, given.verify))
    return asyncio.run(export(os.environ))


def _requests(given: argparse.Namespace) -> int:
    from bot.cli.requests import forgiving, show_all, show_one

    forgiving(sys.stdout)
    if given.part == "show":
        work = show_one(os.environ, given.id, json=given.json)
    else:
        work = show_all(os.environ, ended=given.all, json=given.json)
    try:
        status = asyncio.run(work)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads our lines has seen enough, as `head` has; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _sandbox() -> int:
    try:
        from bot.sandbox.run import main as sandbox
    except ImportError as error:
        if (error.name or "").startswith("bot."):
            line = "sandbox: the image leaves it out; run `make sandbox` in a checkout"
        else:
            line = f"sandbox: {error.name} is missing; pip install 'vco-route-bot[sandbox]'"
        raise SettingsError([line]) from None
    return sandbox()


_COMMANDS = {"serve": _serve, "sandbox": _sandbox}
_WITH_ARGUMENTS = {
    "doctor": _doctor,
    "audit": _audit,
    "requests": _requests,
    "policy": _policy,
    "record": _record,
}
