"""Is everything there that the bot needs? For `/readyz`, `doctor`, and a line in the log.

Each check is `ok`, or says in a few words what is wrong, without secrets. Words that begin with
`warning: ` say what is unwise: they are told, and the bot is ready all the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot.alibaba.credentials import Provider
from bot.errors import AlibabaError, SlackError, SlackTokenRefused
from bot.policy import PolicySource
from bot.slack.directory import SlackDirectory
from bot.store import Store
from bot.store.health import OK, WARNING

log = structlog.get_logger(__name__)

SECONDS = 6.0
"""The longest that one check may take."""

_SLACK_SECONDS = 3.0
"""For how long Slack is taken to answer still: anybody may ask, and Slack counts our calls."""


def ready(found: Mapping[str, str]) -> bool:
    """Whether nothing that was found keeps the bot from working safely."""
    return all(word == OK or word.startswith(WARNING) for word in found.values())


class Readiness:
    """Checks everything at once."""

    def __init__(
        self,
        store: Store,
        directory: SlackDirectory,
        credentials: Provider,
        policy: PolicySource,
        *,
        socket: Callable[[], str] | None = None,
    ) -> None:
        """Check the store, at Slack, at the cloud's credentials, and at the policy file.

        `socket`: how the websockets are, in Socket Mode.
        """
        self._store = store
        self._directory = directory
        self._credentials = credentials
        self._policy = policy
        self._socket = socket
        self._told: dict[str, str] = {}
        self._slack_until = 0.0

    async def check(self) -> dict[str, str]:
        """What was found, by name; a change is logged once."""
        checks = {
            "redis": self._store.health.answers(),
            "storage": self._store.health.keeps(),
            "replicas": self._store.health.survives(),
            "slack": self._slack(),
            "credentials": self._alibaba(),
        }
        words = await asyncio.gather(*(_bounded(check) for check in checks.values()))
        found = (
            dict(zip(checks, words, strict=True))
            | self._losses()
            | self._deliveries()
            | self._file()
        )
        self._tell(found)
        return found

    def _tell(self, found: dict[str, str]) -> None:
        for name, word in found.items():
            if word != self._told.get(name, OK):
                log.log(20 if word == OK else 30, "check", what=name, found=word)
        self._told = found

    def _losses(self) -> dict[str, str]:
        """What the database has lost while this process was running."""
        lost = self._store.repair.alarm
        return {"records": f"{WARNING}{lost}"} if lost else {}

    def _deliveries(self) -> dict[str, str]:
        """Do Slack's deliveries reach us? Over HTTP only Slack knows."""
        return {"socket": self._socket()} if self._socket else {}

    def _file(self) -> dict[str, str]:
        """The policy file, where there is one: is the one that holds the one on disk?"""
        if not self._policy.policy.file:
            return {}
        problems = self._policy.problems
        if not problems:
            return {"policy": OK}
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return {"policy": f"{WARNING}the earlier policy holds: {problems[0]}{more}"}

    async def _slack(self) -> str:
        if time.monotonic() < self._slack_until:
            return OK
        try:
            await self._directory.identify()
        except SlackTokenRefused as error:
            return f"refuses SLACK_BOT_TOKEN ({error.code}); all that is to be told waits for it"
        except SlackError as error:
            return f"does not answer ({error})"
        if missing := self._directory.missing_scopes:
            said = f"the bot's token lacks {', '.join(sorted(missing))}: install the app again"
            # Without these nothing can be told, and nobody can decide.
            return said if missing & {"chat:write", "users:read"} else f"{WARNING}{said}"
        self._slack_until = time.monotonic() + _SLACK_SECONDS
        return OK

    async def _alibaba(self) -> str:
        try:
            await self._credentials.credentials()
        except AlibabaError as error:
            return f"cannot be had ({error.code})"
        return OK


async def _bounded(check: Awaitable[str]) -> str:
    try:
        return await asyncio.wait_for(check, SECONDS)
    except TimeoutError:
        return "does not answer (time-out)"
