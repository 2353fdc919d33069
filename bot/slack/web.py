"""Slack's Web API, as far as we use it: calls with values, errors from our own tree.

Nothing here retries: a post whose answer was lost may have been posted, so whoever calls
decides. A method that told us to wait is not called before that time is over.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import (
    ScopeMissing,
    SlackError,
    SlackRateLimited,
    SlackRejected,
    SlackTokenRefused,
    SlackUnavailable,
)
from bot.log_limit import LimitedLog
from bot.secret import Secret
from bot.slack.addresses import is_slacks

log = structlog.get_logger(__name__)

Block = dict[str, Any]

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

_RESPOND = aiohttp.ClientTimeout(total=5)
_ANSWER_LIMIT = 4096
"""Bytes that are read of the answer at a `response_url`; Slack's is `ok`, or a code."""

_NO_SUCCESS = 300
_SERVER_ERROR = 500
_TOO_MANY = 429


class Slack:
    """The calls that this bot makes."""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        """Use `client`, which must not retry by itself."""
        self.client = client
        self._clock = clock
        self._not_before: dict[tuple[str, str], float] = {}
        self._foreign_url = LimitedLog(__name__, "foreign_response_url")

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Call `method` and return its answer.

        Raises:
            SlackRateLimited, SlackUnavailable, SlackTokenRefused, SlackRejected
        """
        # Posting is limited for each channel, everything else for the workspace.
        channel = str(arguments.get("channel", "")) if method == "chat.postMessage" else ""
        return await self._call(method, channel, {"json": arguments})

    async def read(self, method: str, **arguments: str) -> dict[str, Any]:
        """Call a method that takes its arguments as a form, as Slack's reads do."""
        return await self._call(method, "", {"data": arguments})

    async def _call(self, method: str, channel: str, body: dict[str, Any]) -> dict[str, Any]:
        gate = (method, channel)
        wait = self._not_before.get(gate, 0.0) - self._clock()
        if wait > 0:
            raise SlackRateLimited(wait)
        try:
            answer = await self.client.api_call(method, **body)
        except SlackApiError as error:
            raise self._translated(method, gate, error) from None
        except _TRANSPORT as error:
            raise SlackUnavailable(f"{method}: {type(error).__name__}") from error
        if not isinstance(answer.data, dict):
            raise SlackUnavailable(f"{method}: no JSON object")
        return answer.data

    async def socket_url(self, app_token: Secret) -> str:
        """An address for one websocket, with a ticket that is good for once and not for long."""
        answer = await self._call(
            "apps.connections.open", "", {"params": {"token": app_token.reveal()}}
        )
        return _text(answer, "url")

    async def post(
        self,
        channel: str,
        text: str,
        blocks: list[Block],
        *,
        thread_ts: str = "",
        metadata: Block | None = None,
    ) -> tuple[str, str]:
        """Post a message; returns the channel's ID and the message's `ts`."""
        more: dict[str, Any] = {"thread_ts": thread_ts} if thread_ts else {}
        if metadata:
            more["metadata"] = metadata
        answer = await self.call(
            "chat.postMessage",
            channel=channel,
            text=text,
            blocks=blocks,
            unfurl_links=False,
            unfurl_media=False,
            **more,
        )
        return _text(answer, "channel"), _text(answer, "ts")

    async def update(self, channel: str, ts: str, text: str, blocks: list[Block]) -> None:
        """Edit a message of ours."""
        await self.call("chat.update", channel=channel, ts=ts, text=text, blocks=blocks)

    async def whisper(
        self, channel: str, user: str, text: str, blocks: Sequence[Block] = ()
    ) -> None:
        """Tell one person something, in a channel, that only they see."""
        more = {"blocks": list(blocks)} if blocks else {}
        await self.call("chat.postEphemeral", channel=channel, user=user, text=text, **more)

    async def permalink(self, channel: str, ts: str) -> str:
        """The address of a message."""
        answer = await self.read("chat.getPermalink", channel=channel, message_ts=ts)
        return _text(answer, "permalink")

    async def open_view(self, trigger_id: str, view: Block) -> None:
        """Open a modal; Slack takes it within 3 seconds of the click."""
        await self.call("views.open", trigger_id=trigger_id, view=view)

    async def update_view(self, view_id: str, view: Block, version: str = "") -> None:
        """Edit a modal; given its `version`, only if nobody has since (`hash_conflict`)."""
        guard = {"hash": version} if version else {}
        await self.call("views.update", view_id=view_id, view=view, **guard)

    async def publish_home(self, user: str, view: Block) -> None:
        """Show a person their App Home."""
        await self.call("views.publish", user_id=user, view=view)

    async def respond(
        self,
        response_url: str,
        text: str,
        blocks: Sequence[Block] = (),
        *,
        replace: bool = False,
    ) -> None:
        """Answer a command or a click privately.

        An address that is not Slack's is none: nothing is sent to it, and no redirect is followed.
        `replace`: in place of the acknowledgement's text. Only for commands: the original of a
        click is the card itself.
        """
        if not is_slacks(response_url, self.client.base_url):
            self._foreign_url()
            raise SlackRejected("response_url", "no_address_of_slack")
        said = {"text": text, "response_type": "ephemeral", "replace_original": replace}
        try:
            status, answer = await self._post_to(
                response_url, said | ({"blocks": list(blocks)} if blocks else {})
            )
        except _TRANSPORT as error:
            raise SlackUnavailable(f"response_url: {type(error).__name__}") from None
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            raise SlackUnavailable(f"response_url: HTTP {status}")
        if answer.lstrip().startswith(b"<"):
            raise SlackUnavailable("response_url: a page, and no answer of Slack's")
        if status >= _NO_SUCCESS:
            raise SlackRejected("response_url", f"http_{status}")

    async def _post_to(self, address: str, body: dict[str, Any]) -> tuple[int, bytes]:
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

    def _translated(self, method: str, gate: tuple[str, str], error: SlackApiError) -> SlackError:
        response = error.response
        status = getattr(response, "status_code", getattr(response, "status", 0))
        data = getattr(response, "data", None)
        code = str(data.get("error") or "") if isinstance(data, dict) else ""
        if status == _TOO_MANY or code in _TOO_MUCH:
            unsaid = 1.0 if code == "ratelimited" else _WORKSPACE_SECONDS
            wait = _retry_after(getattr(response, "headers", {}), unsaid)
            self._not_before[gate] = self._clock() + wait
            return SlackRateLimited(wait)
        if status >= _SERVER_ERROR or code in _TRANSIENT or not code:
            return SlackUnavailable(f"{method}: HTTP {status} {code}".strip())
        if code in _TOKEN:
            return SlackTokenRefused(method, code)
        return (ScopeMissing if code == "missing_scope" else SlackRejected)(method, code)


def _retry_after(headers: Any, unsaid: float) -> float:  # noqa: ANN401 - slack_sdk leaves it untyped
    try:
        return max(1.0, float(headers.get("Retry-After", headers.get("retry-after", unsaid))))
    except (AttributeError, TypeError, ValueError):
        return unsaid


def _text(answer: dict[str, Any], field: str) -> str:
    value = answer.get(field)
    if not isinstance(value, str) or not value:
        raise SlackUnavailable(f"an answer without {field}")
    return value
