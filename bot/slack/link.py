"""The link to Slack: who we are there and, in Socket Mode, the connection we hold open."""

import asyncio

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SettingsError, SlackRejected, SlackTokenRefused, SlackUnavailable
from bot.secret import Secret
from bot.slack.people import SlackDirectory

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 15.0
_PAUSE_SECONDS = 1.0

_BAD_APP_TOKEN = frozenset(
    {
        *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
        *("not_allowed_token_type", "missing_scope"),
    }
)


class SlackLink:
    """Met once at the start, closed at the end. Slack being away only delays the meeting."""

    def __init__(
        self,
        bolt: AsyncApp,
        client: AsyncWebClient,
        directory: SlackDirectory,
        app_token: Secret | None,
    ) -> None:
        """`app_token`: for Socket Mode; None where Slack comes to us over HTTP."""
        self._bolt = bolt
        self._client = client
        self._directory = directory
        self._app_token = app_token
        self._handler: AsyncSocketModeHandler | None = None

    async def meet(self) -> None:
        """Learn who we are and connect; tries until it works.

        Raises:
            SettingsError: Slack does not know the bot token, or not the app's.
        """
        while not await self._met():
            await asyncio.sleep(_PAUSE_SECONDS)
        log.info("ready", mode="socket" if self._handler else "http")

    async def close(self) -> None:
        """Close the connection."""
        if self._handler is not None:
            await self._handler.close_async()  # type: ignore[no-untyped-call] # Bolt leaves it so

    async def _met(self) -> bool:
        try:
            await self._directory.identify()
            await self._connect()
        except SlackTokenRefused as error:
            raise SettingsError(
                [f"SLACK_BOT_TOKEN: Slack answers {error.code}; copy the token again"]
            ) from None
        except SlackRejected as error:
            log.warning("slack_refuses", error=str(error))
        except SettingsError:
            raise
        except Exception as error:  # noqa: BLE001 - slack_sdk raises what its transport raises
            log.warning("slack_away", error=type(error).__name__)
        else:
            return True
        return False

    async def _connect(self) -> None:
        if self._app_token is None:
            return
        if self._handler is None:
            self._handler = AsyncSocketModeHandler(
                self._bolt, self._app_token.reveal(), web_client=self._client
            )
        # Asked for here and not by the client, which would go on asking with a bad token for ever.
        try:
            self._handler.client.wss_uri = await self._handler.client.issue_new_wss_url()
        except SlackApiError as error:
            raise _refused(error) from None
        connecting = self._handler.connect_async()  # type: ignore[no-untyped-call] # Bolt leaves it so
        await asyncio.wait_for(connecting, _CONNECT_SECONDS)


def _refused(error: SlackApiError) -> SettingsError | SlackUnavailable:
    code = str(error.response.get("error") or "")
    if code not in _BAD_APP_TOKEN:
        return SlackUnavailable(f"apps.connections.open: {code}")
    mend = "make an app-level token with the scope connections:write"
    return SettingsError([f"SLACK_APP_TOKEN: Slack answers {code}; {mend}"])
