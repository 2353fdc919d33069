"""Slack's Web API, as far as we use it: calls with values, errors from our own tree.

Nothing here retries: a post whose answer was lost may have been posted, so whoever calls
decides. Nothing is called more often than Slack allows, nor before the time that it told us to
wait for, see `bot.slack.budget`.
"""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot import tracing
from bot.config.secret import Secret
from bot.errors import (
    ScopeMissing,
    SlackError,
    SlackRateLimited,
    SlackRejected,
    SlackTokenRefused,
    SlackUnavailable,
)
from bot.logs import LimitedLog
from bot.metrics import SLACK_CALLS, SLACK_HELD_BACK, SLACK_LIMITED
from bot.slack.addresses import is_slacks
from bot.slack.budget import RATES, SPECIAL, Budget, Priority, Rate
from bot.slack.payload import Json
from bot.slack.tables import Tables

log = structlog.get_logger(__name__)

_TRANSIENT = frozenset(
    {
        *("internal_error", "fatal_error", "service_unavailable", "request_timeout"),
        # The workspace moves into an organisation, or its administrators hold all posts back.
        *("team_added_to_org", "org_login_required", "ekm_access_denied"),
    }
)
"""Slack's error strings that say nothing about the call itself (docs.slack.dev, each method)."""

_TOKEN = frozenset(
    {
        *("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"),
        *("not_allowed_token_type", "no_permission", "team_access_not_granted"),
    }
)
"""Those that say something about the bot's token alone."""

_TOO_MUCH = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
"""Slack's limits. The last two are those of a whole workspace; they come with HTTP 200 too."""

_WORKSPACE_SECONDS = 5.0
"""The pause where Slack asks for one without saying how long."""

_TRANSPORT = (aiohttp.ClientError, SlackClientError, OSError, TimeoutError, ValueError)
"""Whatever slack_sdk lets through when an answer did not come, or was no answer."""

_KEPT_SECONDS = 10.0
"""For how long an idle connection to Slack is kept: less than its servers do."""

_RESPOND = aiohttp.ClientTimeout(total=5)
_REFUSAL = re.compile(rb'"error": ?"([a-z_]{1,50})"')
"""How the answer of a `response_url` says what is wrong, at whatever status."""

_ANSWER_LIMIT = 4096
"""Bytes that are read of the answer at a `response_url`; Slack's is `ok`, or a code."""

_DIRECT = "direct"
"""Stands for the channels of all direct messages."""

_NO_SUCCESS = 300
_MOST_BUDGETS = 1000
"""How many channels' budgets are kept in mind."""

SCOPES = frozenset(
    {
        *("commands", "chat:write", "im:write", "users:read", "usergroups:read"),
        *("channels:read", "groups:read"),
        *("channels:history", "groups:history", "im:history"),
    }
)
"""What manifest.yml asks for."""

_SERVER_ERROR = 500
_TOO_MANY = 429


def _a_little_later(wait: float) -> float:
    """Spreads those who were told to come back at the same time."""
    return random.uniform(0.0, 0.1 + 0.25 * wait)  # noqa: S311 - no secret


class OpenView(NamedTuple):
    """A modal that was opened; `version` is what its first edit is guarded by."""

    id: str
    version: str


class Slack:
    """The calls that this bot makes."""

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[float], float] = _a_little_later,
    ) -> None:
        """Use `client`, which must not retry by itself.

        `spread`: how many seconds longer than needed somebody is to wait. `granted`: the scopes
        that the bot's token had when it was last asked who it is; None: Slack did not say.
        """
        self.client = client
        self._clock = clock
        self._spread = spread
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._replicas = 1
        self.granted: frozenset[str] | None = None
        self._tables = Tables(clock)
        self._foreign_url = LimitedLog(__name__, "foreign_response_url")

    def open(self) -> None:
        """Keep connections for the next call; without it each call makes one of its own.

        One that Slack has closed meanwhile would cost a call, so none is kept for long.
        """
        self.client.session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.client.timeout),
            connector=aiohttp.TCPConnector(keepalive_timeout=_KEPT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close what is kept."""
        if self.client.session is not None:
            await self.client.session.close()

    async def call(
        self,
        method: str,
        priority: Priority = Priority.DECISION,
        **arguments: object,
    ) -> Json:
        """Call `method` and return its answer.

        Raises:
            SlackRateLimited, SlackUnavailable, SlackTokenRefused, SlackRejected
        """
        # Posting is limited for each channel, everything else for the workspace. Messages that call
        # people share one channel's limit: they are many, and the workspace has a limit besides.
        channel = str(arguments.get("channel", "")) if method == "chat.postMessage" else ""
        channel = _DIRECT if channel and priority is Priority.DIRECT else channel
        self._pay(method, channel, priority)
        return await self._send(method, channel, {"json": arguments})

    async def read(self, method: str, **arguments: str) -> Json:
        """Call a method that takes its arguments as a form, as Slack's reads do."""
        self._pay(method, "", Priority.DECISION)
        return await self._send(method, "", {"data": arguments})

    async def read_claimed(self, method: str, **arguments: str) -> Json:
        """The same after a `claim`."""
        return await self._send(method, "", {"data": arguments})

    def claim(self, method: str, priority: Priority) -> float:
        """Take a call from the budget and return 0; or the seconds to wait for one."""
        return self._budget(method).take(self._clock(), priority)

    def pace(self, method: str) -> float:
        """Seconds to leave between two reads of the same thing, so that others find calls left."""
        return self._budget(method).pace(self._clock())

    def wait(self, method: str, priority: Priority) -> float:
        """Seconds until a call may be made, with some more to spread those who wait."""
        wait = self._budget(method).wait(self._clock(), priority)
        return wait + self._spread(wait)

    def shared_by(self, replicas: int) -> None:
        """Spend one part of so many of what Slack allows: the other replicas spend theirs."""
        if replicas == self._replicas:
            return
        self._replicas, now = replicas, self._clock()
        for (method, _), budget in self._budgets.items():
            budget.change(self._rate(method), now)

    def check_any(self, *calls: tuple[str, Priority, str]) -> None:
        """Return if one of these may be made now: a method, for what, and of a post its channel.

        Raises:
            SlackRateLimited: none may be.
        """
        now = self._clock()
        budgets = [(self._budget(one, where), what, one) for one, what, where in calls]
        waits = [(budget.wait(now, what), n) for n, (budget, what, _) in enumerate(budgets)]
        if waits and min(waits)[0] > 0:
            self._hold_back(*budgets[min(waits)[1]])

    def _pay(self, method: str, channel: str, priority: Priority) -> None:
        budget = self._budget(method, channel)
        if budget.take(self._clock(), priority) > 0:
            self._hold_back(budget, priority, method)

    def _hold_back(self, budget: Budget, priority: Priority, method: str) -> NoReturn:
        SLACK_HELD_BACK.labels(_label(method)).inc()
        raise SlackRateLimited(budget.turn(self._clock(), priority))

    def _budget(self, method: str, channel: str = "") -> Budget:
        budget = self._budgets.get((method, channel))
        if budget is None:
            now = self._clock()
            if len(self._budgets) >= _MOST_BUDGETS:
                # A full one says nothing that a new one would not.
                self._budgets = {k: b for k, b in self._budgets.items() if not b.full(now)}
            budget = self._budgets[method, channel] = Budget(self._rate(method), now)
        return budget

    def _rate(self, method: str) -> Rate:
        return RATES.get(method, SPECIAL).shared_by(self._replicas)

    async def _send(self, method: str, channel: str, body: Json) -> Json:
        try:
            data, headers = await self._answered(method, channel, body)
        except SlackError as error:
            SLACK_CALLS.labels(_label(method), type(error).__name__).inc()
            raise
        SLACK_CALLS.labels(_label(method), "ok").inc()
        if method == "auth.test" and (granted := headers.get("x-oauth-scopes")):
            self.granted = frozenset(scope.strip() for scope in granted.split(","))
        return data

    async def _answered(
        self, method: str, channel: str, body: Json
    ) -> tuple[Json, Mapping[str, str]]:
        """The answer, and its headers."""
        try:
            with tracing.span(f"slack {method}", rpc_system_name="slack", rpc_method=method):
                answer = await self.client.api_call(method, **body)
        except SlackApiError as error:
            raise self._translated(method, channel, error) from None
        except _TRANSPORT as error:
            raise SlackUnavailable(f"{method}: {type(error).__name__}") from error
        if not isinstance(answer.data, dict):
            raise SlackUnavailable(f"{method}: no JSON object")
        return answer.data, answer.headers

    @property
    def missing(self) -> frozenset[str]:
        """The scopes of the manifest that the bot's token has not."""
        return frozenset() if self.granted is None else SCOPES - self.granted

    async def socket_url(self, app_token: Secret) -> str:
        """An address for one websocket, with a ticket that is good for once and not for long."""
        method = "apps.connections.open"
        self._pay(method, "", Priority.DECISION)
        answer = await self._send(method, "", {"params": {"token": app_token.reveal()}})
        url = _text(answer, "url")
        if not url.startswith("wss://" if self.client.base_url.startswith("https://") else "ws"):
            raise SlackUnavailable(f"{method}: an address without encryption")
        return url

    async def post(  # noqa: PLR0913 - the parts of a message
        self,
        channel: str,
        text: str,
        blocks: list[Json],
        *,
        thread_ts: str = "",
        broadcast: bool = False,
        metadata: Json | None = None,
        priority: Priority = Priority.DECISION,
    ) -> tuple[str, str]:
        """Post a message; returns the channel's ID and the message's `ts`.

        `broadcast`: one in a thread is shown in the channel as well.
        """
        more: Json = {"thread_ts": thread_ts} if thread_ts else {}
        if thread_ts and broadcast:
            more["reply_broadcast"] = True
        if metadata:
            more["metadata"] = metadata
        answer = await self._tables.show(
            lambda shown: self.call(
                "chat.postMessage",
                priority,
                channel=channel,
                text=text,
                blocks=shown,
                unfurl_links=False,
                unfurl_media=False,
                **more,
            ),
            blocks,
        )
        return _text(answer, "channel"), _text(answer, "ts")

    async def update(  # noqa: PLR0913 - the parts of a message
        self,
        channel: str,
        ts: str,
        text: str,
        blocks: list[Json],
        *,
        metadata: Json | None = None,
        priority: Priority = Priority.DECISION,
    ) -> None:
        """Edit a message of ours."""
        more: Json = {"metadata": metadata} if metadata else {}
        what = {"channel": channel, "ts": ts, "text": text, **more}
        await self._tables.show(
            lambda shown: self.call("chat.update", priority, blocks=shown, **what), blocks
        )

    async def post_ephemeral(
        self, channel: str, user: str, text: str, blocks: Sequence[Json] = ()
    ) -> None:
        """Tell one person something, in a channel, that only they see."""
        said: Json = {"channel": channel, "user": user, "text": text}
        await self._tables.show(
            lambda shown: self.call("chat.postEphemeral", **_with_blocks(said, shown)), blocks
        )

    async def open_direct(self, user: str) -> str:
        """The channel of our direct messages with a person; the same however often it is opened."""
        answer = await self.call("conversations.open", Priority.DIRECT, users=user)
        channel = answer.get("channel")
        return _text(channel if isinstance(channel, dict) else {}, "id")

    async def permalink(self, channel: str, ts: str) -> str:
        """The address of a message."""
        answer = await self.read("chat.getPermalink", channel=channel, message_ts=ts)
        return _text(answer, "permalink")

    async def open_view(self, trigger_id: str, view: Json) -> OpenView:
        """Open a modal; Slack takes it within 3 seconds of the click."""
        answer = await self.call("views.open", trigger_id=trigger_id, view=view)
        opened = answer.get("view")
        opened = opened if isinstance(opened, dict) else {}
        return OpenView(_text(opened, "id"), _text(opened, "hash"))

    async def update_view(self, view_id: str, view: Json, version: str = "") -> None:
        """Edit a modal; given its `version`, only if nobody has since (`hash_conflict`)."""
        guard: Json = {"hash": version} if version else {}
        await self.call("views.update", view_id=view_id, view=view, **guard)

    async def publish_home(self, user: str, view: Json, priority: Priority) -> None:
        """Show a person their App Home."""
        await self.call("views.publish", priority, user_id=user, view=view)

    async def respond(
        self,
        response_url: str,
        text: str,
        blocks: Sequence[Json] = (),
    ) -> None:
        """Answer a command or a click privately, beside whatever was said before.

        Nothing is replaced: the original of a click is the card itself, and that of a slash
        command is none to Slack. An address that is not Slack's is none: nothing is sent to it,
        and no redirect is followed.
        """
        if not is_slacks(response_url, self.client.base_url):
            self._foreign_url()
            raise SlackRejected("response_url", "no_address_of_slack")
        said = {"text": text, "response_type": "ephemeral", "replace_original": False}
        await self._tables.show(
            lambda shown: self._respond(response_url, _with_blocks(said, shown)), blocks
        )

    async def _respond(self, response_url: str, body: Json) -> None:
        try:
            with tracing.span("slack response_url", rpc_system_name="slack"):
                status, answer = await self._post_to(response_url, body)
        except _TRANSPORT as error:
            raise SlackUnavailable(f"response_url: {type(error).__name__}") from None
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            raise SlackUnavailable(f"response_url: HTTP {status}")
        if answer.lstrip().startswith(b"<"):
            raise SlackUnavailable("response_url: a page, and no answer of Slack's")
        refused = _REFUSAL.search(answer)
        if status >= _NO_SUCCESS or refused:
            code = refused[1].decode() if refused else f"http_{status}"
            raise SlackRejected("response_url", code)

    async def _post_to(self, address: str, body: Json) -> tuple[int, bytes]:
        """Post JSON to an address and nowhere else, by the way that all calls to Slack take."""
        async with (
            aiohttp.ClientSession(timeout=_RESPOND) as session,
            session.post(
                address,
                json=body,
                ssl=self.client.ssl or True,
                proxy=self.client.proxy,
                allow_redirects=False,
            ) as answer,
        ):
            return answer.status, await answer.content.read(_ANSWER_LIMIT)

    def _translated(self, method: str, channel: str, error: SlackApiError) -> SlackError:
        response = error.response
        status = getattr(response, "status_code", getattr(response, "status", 0))
        data = getattr(response, "data", None)
        code = str(data.get("error") or "") if isinstance(data, dict) else ""
        if status == _TOO_MANY or code in _TOO_MUCH:
            unsaid = 1.0 if code == "ratelimited" else _WORKSPACE_SECONDS
            wait = _retry_after(getattr(response, "headers", {}), unsaid)
            SLACK_LIMITED.labels(_label(method)).inc()
            if self._budget(method, channel).limited(self._clock(), wait):
                log.warning("slack_rate_limited", method=method, seconds=wait)
            return SlackRateLimited(wait + self._spread(wait))
        if status >= _SERVER_ERROR or code in _TRANSIENT or not code:
            return SlackUnavailable(f"{method}: HTTP {status} {code}".strip())
        if code in _TOKEN:
            return SlackTokenRefused(method, code)
        return (ScopeMissing if code == "missing_scope" else SlackRejected)(method, code)


def _with_blocks(said: Json, shown: list[Json]) -> Json:
    return {**said, "blocks": shown} if shown else said


def _label(method: str) -> str:
    return method if method in RATES else "other"


def _retry_after(headers: object, unsaid: float) -> float:
    known = headers if isinstance(headers, Mapping) else {}
    try:
        return max(1.0, float(known.get("Retry-After", known.get("retry-after", unsaid))))
    except (TypeError, ValueError):
        return unsaid


def _text(answer: Json, field: str) -> str:
    value = answer.get(field)
    if not isinstance(value, str) or not value:
        raise SlackUnavailable(f"an answer without {field}")
    return value
