"""The local Slack as one aiohttp application, on loopback only."""

import ipaddress
import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.sandbox.slack.arguments import MAX_BODY
from bot.sandbox.slack.client import ClientApi, Hooks
from bot.sandbox.slack.deliver import Courier, Delivery
from bot.sandbox.slack.driver import Driver
from bot.sandbox.slack.rate_limits import Limits
from bot.sandbox.slack.responses import Responses
from bot.sandbox.slack.socket_mode import Sockets
from bot.sandbox.slack.state import State, WebCall
from bot.sandbox.slack.web_api import WebApi
from bot.sandbox.slack.workspace import Workspace

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SHUTDOWN_SECONDS = 1.0


class LocalSlack(Driver):
    """Start it, point the app at `api_url`, `deliver_to` the app (or let it connect), drive it.

    What people do and see is in `Driver`; `hooks` are for the one who runs the page.
    """

    courier_type: ClassVar[type[Courier]] = Courier

    def __init__(  # noqa: PLR0913 - the app's credentials
        self,
        workspace: Workspace,
        *,
        bot_token: str,
        app_token: str,
        signing_secret: str,
        scopes: frozenset[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        state = State(workspace, clock)
        super().__init__(state, self.courier_type(state, signing_secret))
        self.hooks = Hooks()
        self.web_api = WebApi(state, bot_token=bot_token, app_token=app_token, scopes=scopes)
        self._client = ClientApi(self, self.hooks)
        self._responses = Responses(state, self.web_api)
        self._runner: web.AppRunner | None = None

    # --- what there is ---------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the page is."""
        return self.state.origin

    @property
    def api_url(self) -> str:
        """The app's `SLACK_API_URL`."""
        return f"{self.state.origin}/api/"

    @property
    def requests(self) -> list[WebCall]:
        """Every call of the app's, and its posts to response_urls, in order."""
        return self.state.requests

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything that was delivered to the app, with its acks."""
        return self.courier.deliveries

    @property
    def limits(self) -> Limits:
        """The rate limits."""
        return self.web_api.limits

    @property
    def sockets(self) -> Sockets:
        """The app's Socket Mode connections."""
        return self.courier.sockets

    def deliver_to(self, *urls: str) -> None:
        """Set the request URLs (HTTP mode), one for each replica. Websockets go first."""
        self.courier.urls = list(urls)

    def touch(self) -> None:
        """Something that the page shows has changed elsewhere: stream it, ask again."""
        self.state.changed()

    def middlewares(self) -> list[Middleware]:
        """What a request passes before it is handled."""
        return [_guard]

    # --- life --------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on a loopback address; port 0 takes a free one."""
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the local Slack listens on loopback only, not on {host}")
        self._runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        bound: tuple[str, int] = self._runner.addresses[0]
        self.state.origin = f"http://{host}:{bound[1]}"

    async def close(self) -> None:
        """Stop delivering and listening; those who hang or stream are let go."""
        self.state.closing = True
        self.state.changed()
        await self.courier.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=self.middlewares(), client_max_size=MAX_BODY)
        app.router.add_route("GET", "/api/{method}", self.web_api.handle)
        app.router.add_post("/api/{method}", self.web_api.handle)
        app.router.add_post("/response/{opaque}", self._responses.handle)
        app.router.add_get("/socket", self.sockets.handle)
        app.router.add_get("/", self._client.index)
        app.router.add_get(r"/page/{file:.+}", self._client.file)
        app.router.add_get(r"/archives/{channel}/p{ts:\d{7,}}", self._client.permalink)
        app.router.add_get("/client/events", self._client.events)
        app.router.add_post("/client/{verb}", self._client.verb)
        return app


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a foreign web page could send: another Host (rebinding), a plain form."""
    if not _loopback(request.url.host or ""):
        return web.Response(status=421, text="loopback only")
    doing = request.method == "POST" and request.path.startswith("/client/")
    if doing and request.content_type != "application/json":
        return web.Response(status=415, text="application/json only")
    return await handler(request)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
