"""What comes back to an interaction: acks, and posts to its response_url.

Sources: docs.slack.dev/interactivity/handling-user-interaction (message responses),
docs.slack.dev/surfaces/modals (response_action; `push` and `clear` are not known here).
"""

import asyncio

from aiohttp import web

from bot.sandbox.slack.arguments import Arguments, Content, Refusal, checked_view, read_content
from bot.sandbox.slack.deliver import Ack
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.methods import edit
from bot.sandbox.slack.state import HOOK_SECONDS, HOOK_USES, Hook, State
from bot.sandbox.slack.views import View
from bot.sandbox.slack.web_api import WebApi
from bot.sandbox.slack.workspace import Json

ACK_LAG_SECONDS = 0.25


class Responses:
    """`/response/<opaque>`. It works where the app is not a member, and needs no token."""

    def __init__(self, state: State, web_api: WebApi) -> None:
        self.state = state
        self.web_api = web_api

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Apply one post to a response_url."""
        body = await _read(request)
        error, status = "", 200
        try:
            hook = self._use(request.match_info["opaque"])
            await self._after_ack(hook)
            respond(self.state, hook, body)
            hook.said.append(str(body.get("text") or ""))
        except Refusal as refusal:
            error = refusal.code
            status = 404 if error in ("expired_url", "used_url") else 400
        self.web_api.record("response_url", body, error, status)
        if error:
            return web.json_response({"ok": False, "error": error}, status=status)
        return web.Response(text="ok")

    def _use(self, opaque: str) -> Hook:
        hook = self.state.hooks.get(opaque)
        if hook is None or self.state.clock() - hook.at > HOOK_SECONDS:
            raise Refusal("expired_url")
        if hook.uses >= HOOK_USES:
            raise Refusal("used_url")
        hook.uses += 1
        return hook

    async def _after_ack(self, hook: Hook) -> None:
        """Keep the app's order: its ack, sent before this post, may still be under way."""
        try:
            async with asyncio.timeout(ACK_LAG_SECONDS):
                while hook.pending:
                    await self.state.change()
        except TimeoutError:
            return


def respond(state: State, hook: Hook, body: Json) -> None:
    """Post or replace, as the body says; a Refusal where it is not valid."""
    args = Arguments(body)
    origin = state.find(hook.channel, hook.origin_ts, ephemeral=True) if hook.origin_ts else None
    if "delete_original" in body:
        raise Refusal("invalid_arguments", "[ERROR] the local Slack knows no delete_original")
    content = read_content(args)
    # A slash command has no original: there a second message is posted.
    if args.flag("replace_original") and origin is not None:
        edit(state, origin, content)
        return
    _post(state, hook, content, args)


def apply_command_ack(state: State, hook: Hook, ack: Ack) -> str:
    """Show what the ack of a command carries; the error that the person sees, or nothing."""
    if ack.error or not ack.body.strip():
        return ack.error
    try:
        respond(state, hook, ack.json if ack.json is not None else {"text": ack.body})
    except Refusal:
        return "invalid_command_response"
    return ""


def _post(state: State, hook: Hook, content: Content, args: Arguments) -> None:
    visible = args.text("response_type") == "in_channel"
    state.add(
        Message(
            ts=state.new_ts(),
            channel=hook.channel,
            user=state.workspace.app.user,
            text=content.text or "",
            blocks=content.blocks or [],
            metadata=content.metadata or {},
            thread_ts=args.text("thread_ts") or None,
            ephemeral_to="" if visible else hook.user,
        )
    )


async def _read(request: web.Request) -> Json:
    try:
        body = await request.json()
    except ValueError:
        return {"text": ""}
    return body if isinstance(body, dict) else {"text": ""}


TROUBLE = "We had some trouble connecting. Try again?"


def after_submit(state: State, view: View, ack: Ack) -> str:
    """Do what the ack says: nothing in it closes the modal. The error that the person sees."""
    error = ack.error
    if not error:
        try:
            _apply(state, view, {} if not ack.body.strip() else ack.json)
        except Refusal as refusal:
            error = refusal.code
    if error:
        view.errors = {"": TROUBLE}
    return error


def _apply(state: State, view: View, body: Json | None) -> None:
    match body:
        case {"response_action": "errors", "errors": dict(errors)} if errors:
            asked = {block["block_id"] for block in view.blocks if block["type"] == "input"}
            if not asked >= errors.keys():
                raise Refusal("invalid_response")
            view.errors = {block: str(words) for block, words in errors.items()}
        case {"response_action": "update", "view": dict(shown)}:
            view.show(checked_view(shown, "modal"), state.clock())
        case dict() if not body:
            if view.id in state.views:
                state.close_view(view.user)
        case _:
            raise Refusal("invalid_response")
