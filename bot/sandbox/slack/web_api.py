"""`/api/<method>`: tokens, scopes and limits around a table of methods."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from bot.sandbox.slack import methods
from bot.sandbox.slack import view_methods as views
from bot.sandbox.slack.arguments import Arguments, Refusal, read_arguments
from bot.sandbox.slack.rate_limits import Limits, Tier
from bot.sandbox.slack.state import State, WebCall
from bot.sandbox.slack.workspace import Channel, Json

Run = Callable[[State, Arguments], Json]


class Method(msgspec.Struct, frozen=True):
    """A method: what it does, its limit, and the scope it needs.

    A scope that starts with `*` depends on the kind of the channel: `*:read` is
    `channels:read` for a public channel, `groups:read` for a private one, `im:read` for a
    direct message, `mpim:read` for one of several people. `app_level` methods take the app's token
    instead of the bot's. `form_only` methods, those that read, overlook JSON.
    """

    run: Run
    tier: Tier
    scope: str = ""
    app_level: bool = False
    form_only: bool = False


METHODS = {
    "auth.test": Method(methods.auth_test, Tier.SPECIAL, form_only=True),
    "apps.connections.open": Method(views.open_connection, Tier.ONE, app_level=True),
    "blocks.validate": Method(views.validate, Tier.SPECIAL),
    "chat.postMessage": Method(methods.post_message, Tier.POST, "chat:write"),
    "chat.postEphemeral": Method(methods.post_ephemeral, Tier.FOUR, "chat:write"),
    "chat.update": Method(methods.update, Tier.THREE, "chat:write"),
    "chat.getPermalink": Method(methods.get_permalink, Tier.SPECIAL, form_only=True),
    "conversations.info": Method(methods.info, Tier.THREE, "*:read", form_only=True),
    "conversations.history": Method(methods.history, Tier.THREE, "*:history", form_only=True),
    "conversations.open": Method(methods.open_direct, Tier.THREE, "im:write"),
    "conversations.replies": Method(methods.replies, Tier.THREE, "*:history", form_only=True),
    "users.info": Method(methods.user_info, Tier.FOUR, "users:read", form_only=True),
    "usergroups.users.list": Method(
        methods.group_users, Tier.TWO, "usergroups:read", form_only=True
    ),
    "views.open": Method(views.open_view, Tier.FOUR),
    "views.update": Method(views.update_view, Tier.FOUR),
    "views.publish": Method(views.publish_view, Tier.FOUR),
}

Answer = tuple[int, Json, dict[str, str]]


class WebApi:
    """The edge: reads a call, judges it, does it, records it, answers it."""

    def __init__(
        self, state: State, *, bot_token: str, app_token: str, scopes: frozenset[str]
    ) -> None:
        self.state = state
        self.limits = Limits(state.clock)
        self.scopes = scopes
        self.refused: dict[str, str] = {}
        """Tokens that were good once, and what Slack answers to each, such as `token_revoked`."""
        self._tokens = {bot_token: False, app_token: True}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        name = request.match_info["method"]
        try:
            known = METHODS.get(name)
            args, token = await read_arguments(
                request, form_only=known is not None and known.form_only
            )
        except Refusal as refusal:
            self.record(name, {}, refusal.code)
            return web.json_response(refusal.body())
        status, body, headers = self._answer(name, args, token)
        self.record(name, args.values, body.get("error", ""), status)
        return web.json_response(body, status=status, headers=headers)

    def _answer(self, name: str, args: Arguments, token: str) -> Answer:
        headers: dict[str, str] = {}
        try:
            method = self._allowed(name, token)
            if not method.app_level:
                headers["x-oauth-scopes"] = ",".join(sorted(self.scopes))
            wait = self.limits.take(method.tier, name, args.text("channel"))
            if wait:
                return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)}
            self._check_scope(method, args)
            return 200, {"ok": True, **method.run(self.state, args)}, headers
        except Refusal as refusal:
            return 200, refusal.body(), headers

    def _allowed(self, name: str, token: str) -> Method:
        method = METHODS.get(name)
        if method is None:
            raise Refusal("unknown_method", req_method=name)
        if not token:
            raise Refusal("not_authed")
        if token not in self._tokens:
            raise Refusal("invalid_auth")
        if token in self.refused:
            raise Refusal(self.refused[token])
        if self._tokens[token] is not method.app_level:
            raise Refusal("not_allowed_token_type")
        return method

    def _check_scope(self, method: Method, args: Arguments) -> None:
        needed = method.scope
        if needed.startswith("*"):
            channel = self.state.workspace.channels.get(args.text("channel"))
            needed = f"{_family(channel)}{needed[1:]}"
        if needed and needed not in self.scopes:
            raise Refusal("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))

    def record(self, name: str, args: Json, error: str = "", status: int = 200) -> None:
        """Remember a call, for `slack.requests`."""
        call = WebCall(at=self.state.clock(), method=name, args=args, error=error, status=status)
        self.state.requests.append(call)
        self.state.changed()


def _family(channel: Channel | None) -> str:
    if channel is not None and (channel.dm or channel.group_dm):
        return "mpim" if channel.group_dm else "im"
    return "groups" if channel is not None and channel.private else "channels"
