"""`python -m bot sandbox`: the whole product on this machine, in one command.

One process holds the local Slack with its page, the local VPC API and the embedded Valkey's
guard; the real bot runs beside it, unchanged, and can be killed and started from the page.
"""

import asyncio
import contextlib
import signal
import sys
import webbrowser
from pathlib import Path
from typing import Any, Self

from bot.config.redis_url import parse
from bot.models import VcoRoute
from bot.sandbox.checklist import Checklist
from bot.sandbox.process import BotProcess
from bot.sandbox.scene import environment, local_slack, local_vpc
from bot.sandbox.slack import LocalSlack
from bot.sandbox.valkey import EmbeddedValkey, ValkeyUnavailable
from bot.sandbox.vpc import seed
from bot.store import Database, Store
from bot.store.connect import connect

PORT = 8300
"""Where the page is, unless something else is there already."""

TASK_SECONDS = 8.0
"""How long a change of a connection takes: long enough to watch, short enough to wait for."""

TASK_DELAY = 1.0
"""How long the old state is still seen after a change was accepted."""

LEASE_SECONDS = 10
"""Who kills the bot in the middle of a step does not want to wait for the usual lease."""

SEAL_KEY = "local-sandbox-seal-key-0123456789"

POLICY = Path(__file__).with_name("policy.toml")
"""What the bot goes by here: more than one approval, break-glass, what is never deleted."""

_DIRECTORY = Path(".sandbox")
_LOOK_SECONDS = 0.25


class Sandbox:
    """All of it, started: `async with Sandbox(log=…) as sandbox`, and the page is at its `url`.

    Raises:
        ValkeyUnavailable: there is no server for this machine, or it does not answer.

    A bot that does not start is no reason to end: the page says why, and starts it again.
    """

    def __init__(
        self,
        *,
        log: Path,
        port: int = 0,
        task_seconds: float = TASK_SECONDS,
        policy: Path = POLICY,
    ) -> None:
        """`log` gets what the bot prints; a `port` of 0, or one that is taken, is a free one."""
        self.slack = local_slack(LocalSlack)
        self.vpc = local_vpc(task_seconds=task_seconds, task_delay=TASK_DELAY)
        self.bot: BotProcess
        self._checklist = Checklist(self.slack, self.vpc)
        self._valkey = EmbeddedValkey(appendonly=True)
        self._log = log
        self._port = port
        self._policy = policy
        self._env: dict[str, str] = {}
        self._usual = task_seconds + TASK_DELAY
        self._trouble = ""
        self._stack = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        """Where the page is."""
        return self.slack.url

    @property
    def settings(self) -> str:
        """What the bot was started with, as a file of variables; every secret of it is invented."""
        return "".join(f"{name}={value}\n" for name, value in sorted(self._env.items()))

    async def __aenter__(self) -> Self:
        """Start everything and wait until the bot is ready."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._valkey)
            stack.push_async_callback(self.slack.close)
            await self._start_page()
            stack.push_async_callback(self.vpc.close)
            await self.vpc.start()
            await _remember_durations(self._valkey.url, self._usual)
            self._env = self._environment()
            self.bot = BotProcess(self._env, log=self._log)
            stack.push_async_callback(self.bot.stop)
            self._join()
            await self._start_bot()
            stack.push_async_callback(_cancelled, asyncio.create_task(self._watch_bot()))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything, the bot first."""
        await self._stack.aclose()

    async def _start_page(self) -> None:
        try:
            await self.slack.start(port=self._port)
        except OSError:
            await self.slack.start()

    def _environment(self) -> dict[str, str]:
        env = environment(self.slack, self.vpc, self._valkey.url)
        del env["VCO_APPROVERS"]
        return env | {
            "VCO_POLICY_FILE": str(self._policy),
            "VCO_LEASE": str(LEASE_SECONDS),
            "VCO_SEAL_KEY": SEAL_KEY,
        }

    @property
    def trouble(self) -> str:
        """Why the bot does not run although it should, in words; empty where all is well."""
        return self._trouble or self.bot.why_it_ended()

    async def _start_bot(self) -> None:
        self._trouble = ""
        try:
            await self.bot.start()
        except RuntimeError as error:
            self._trouble = str(error)
        self.slack.touch()

    async def _watch_bot(self) -> None:
        """Let the page know when the bot comes or goes by itself."""
        before = self.bot.pid
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.bot.pid != before:
                before = self.bot.pid
                self.slack.touch()

    def _join(self) -> None:
        """Show the cloud and the bot beside the chat, and let the page act on both."""
        self.slack.deliver_to(f"{self.bot.url}/slack/events")
        self.slack.hooks.checklist = self._checklist.state
        self.slack.hooks.cloud = self.vpc.snapshot
        self.slack.hooks.on_cloud = self._on_cloud
        self.slack.hooks.on_bot = self._on_bot
        self.slack.hooks.bot_alive = lambda: self.bot.pid is not None
        self.slack.hooks.bot_trouble = lambda: self.trouble
        self.vpc.on_change = self.slack.touch

    async def _on_bot(self, op: str) -> None:
        if op == "kill":
            self._trouble = ""
            self.bot.kill()
            self._checklist.bot_was_killed()
        else:
            await self._start_bot()

    def _on_cloud(self, op: dict[str, Any]) -> None:
        """Do to the cloud what somebody clicked beside the chat."""
        if op["op"] == "fault":
            self.vpc.switch_fault(str(op["name"]), on=bool(op["on"]))
            return
        connection = str(op["connection"])
        if op["op"] == "break_tunnel":
            self._checklist.tunnel_was_cut()
            self.vpc.break_tunnel(connection, str(op["tunnel"]), only_bgp=bool(op["only_bgp"]))
            return
        if op["op"] == "mend_tunnel":
            self.vpc.mend_tunnel(connection, str(op["tunnel"]))
            return
        route = VcoRoute(
            vpn_connection_id=connection,
            route_dest=str(op["dest"]),
            next_hop=connection,
            weight=int(op["weight"]),
        )
        if op["op"] == "delete_route":
            self.vpc.remove_route(route)
        else:
            self.vpc.add_route(connection, route.route_dest, weight=route.weight)


async def _remember_durations(redis_url: str, seconds: float) -> None:
    """Give the bot's progress bar a past: deletions here have taken this long."""
    database = Database(connect(parse(redis_url)))
    try:
        for region in (seed.HANGZHOU, seed.SINGAPORE):
            await Store(database).rate_limits.took(region, "", seconds)
    finally:
        await database.close()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def main() -> int:
    """Run until Ctrl-C; returns the exit status."""
    try:
        asyncio.run(_run())
    except ValkeyUnavailable as error:
        print(error, file=sys.stderr)  # noqa: T201 - where the user looks
        return 1
    return 0


async def _run() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, stop.set)
    log = _new_log()
    async with Sandbox(log=log, port=PORT) as sandbox:
        (_DIRECTORY / "bot.env").write_text(sandbox.settings)
        _welcome(sandbox.url, log)
        if sandbox.trouble:
            print(f"  The bot did not start: {sandbox.trouble}", file=sys.stderr)  # noqa: T201
        await stop.wait()
        print("\nStopping …")  # noqa: T201


def _new_log() -> Path:
    _DIRECTORY.mkdir(exist_ok=True)
    log = _DIRECTORY / "bot.log"
    log.write_bytes(b"")
    return log


def _welcome(url: str, log: Path) -> None:
    print(  # noqa: T201 - the command's output
        f"\n  vco-route sandbox: {url}\n\n"
        "  Ask as Alice, switch to Bob or Carol, approve, and watch the route go.\n"
        f"  The bot's log: {log}, its settings: {_DIRECTORY / 'bot.env'}.\n"
        "  `make doctor` checks it, as it checks a deployment. Ctrl-C stops everything.\n",
        flush=True,
    )
    if sys.stdout.isatty():
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)
