"""What the page needs: the state of one person's client, streamed, and what they do."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from aiohttp import web

from bot.sandbox.slack.deliver import Ack
from bot.sandbox.slack.driver import CannotDo, Driver
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import Channel, Json, Person

_log = logging.getLogger(__name__)


class Hooks(msgspec.Struct):
    """What the one who runs the page lends it: the cloud beside it, and the bot's process."""

    cloud: Callable[[], Json] | None = None
    on_cloud: Callable[[Json], Awaitable[None] | None] | None = None
    on_bot: Callable[[str], Awaitable[None] | None] | None = None
    bot_alive: Callable[[], bool] = lambda: True
    bot_trouble: Callable[[], str] = lambda: ""
    checklist: Callable[[], list[Json]] = list


def client_state(driver: Driver, hooks: Hooks, user: str) -> Json:
    """The whole state of this person's client."""
    workspace, app = driver.workspace, driver.workspace.app
    mine = [c for c in workspace.channels.values() if driver.visible(user, c)]
    return {
        "me": _person(workspace.people[user]),
        "people": [_person(person) for person in workspace.people.values() if person.human],
        "app": {
            "user": app.user,
            "name": app.name,
            "alive": hooks.bot_alive(),
            "trouble": hooks.bot_trouble(),
        },
        "channels": [_channel(driver, user, channel) for channel in mine],
        "messages": {c.id: _messages(driver.state.in_channel(c.id, user), app.user) for c in mine},
        "modal": _modal(driver.modal(user)),
        "home": _view(driver.state.homes.get(user)),
        "usergroups": {
            group.id: {"handle": group.handle, "users": group.users}
            for group in workspace.groups.values()
        },
        "commands": [
            {
                "command": known.command,
                "usage_hint": known.usage_hint,
                "description": known.description,
            }
            for known in app.commands
        ],
        "shortcuts": [msgspec.to_builtins(known) for known in app.shortcuts],
        "cloud": hooks.cloud() if hooks.cloud else None,
        "checklist": hooks.checklist(),
        "now": driver.state.clock(),
    }


def _person(person: Person) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "title": person.title,
        "color": person.color,
        "guest": person.guest or person.stranger,
    }


def _channel(driver: Driver, user: str, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": driver.name_of(channel, user).removeprefix("#"),
        "private": channel.private,
        "shared": channel.shared,
        "archived": channel.archived,
        "closed": driver.closed(channel),
        "bot_member": driver.workspace.app.user in channel.members,
        "dm": channel.dm,
    }


def _modal(view: View | None) -> Json | None:
    shown = _view(view)
    if view is None or shown is None:
        return None
    return {
        **shown,
        "errors": view.errors,
        "busy": view.busy,
    }


def _view(view: View | None) -> Json | None:
    if view is None:
        return None
    return {"view_id": view.id, "hash": view.hash, "view": view.view, "state": view.state}


def _messages(found: list[Message], bot: str) -> list[Json]:
    replies: dict[str, list[str]] = {}
    for message in found:
        if message.reply and message.thread_ts:
            replies.setdefault(message.thread_ts, []).append(message.ts)
    return [_shown(message, replies.get(message.ts, []), bot) for message in found]


def _shown(message: Message, replies: list[str], bot: str) -> Json:
    return {
        "ts": message.ts,
        "user": message.user,
        "bot": message.user == bot,
        "text": message.text,
        "blocks": message.blocks,
        "ephemeral": bool(message.ephemeral_to),
        # Slack shows "(edited)" only where an app edits plain text.
        "edited": bool(message.edited_ts) and not message.blocks,
        "thread_ts": message.thread_ts,
        "broadcast": message.broadcast,
        "reply_count": len(replies),
        "last_reply_ts": replies[-1] if replies else None,
        "deleted": message.deleted,
    }


PAGE = Path(__file__).parent / "page"
SHORTEST_PAUSE = 0.05

_TOLD = {
    "operation_timeout": "failed because the app did not respond (operation_timeout)",
    "dispatch_failed": "failed with the error dispatch_failed",
    "invalid_command_response": "failed with the error invalid_command_response",
}


class ClientApi:
    """`/`, `/page/…`, `/client/events` and `/client/<verb>`."""

    def __init__(self, driver: Driver, hooks: Hooks) -> None:
        self.driver = driver
        self.hooks = hooks
        self.verbs: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "command": self._command,
            "shortcut": self._shortcut,
            "message": self._message,
            "click": self._click,
            "view_click": self._view_click,
            "home_click": self._home_click,
            "options": self._options,
            "submit": self._submit,
            "close": self._close,
            "home_opened": self._home_opened,
            "cloud": self._cloud,
            "bot": self._bot,
        }

    # --- the page's files --------------------------------------------------------------

    async def index(self, _: web.Request) -> web.StreamResponse:
        """Serve the page."""
        return web.FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-store"})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Serve one of the page's files, and nothing outside its folder."""
        path = (PAGE / request.match_info["file"]).resolve()
        if not path.is_relative_to(PAGE) or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Cache-Control": "no-store"})

    async def permalink(self, request: web.Request) -> web.StreamResponse:
        """Lead a permalink to its message in the page."""
        digits = request.match_info["ts"]
        ts = f"{digits[:-6]}.{digits[-6:]}"
        raise web.HTTPFound(f"/#/{request.match_info['channel']}/{ts}")

    # --- the state ---------------------------------------------------------------------

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream the person's state: at once and after changes, at most twenty times a second.

        Without a `user` it is the first person of the workspace.
        """
        user = request.query.get("user") or next(iter(self.driver.workspace.people))
        if user not in self.driver.workspace.people:
            raise web.HTTPNotFound
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        state = self.driver.state
        try:
            while not state.closing:
                version = state.version
                shown = json.dumps(
                    client_state(self.driver, self.hooks, user), separators=(",", ":")
                )
                await response.write(f"event: state\ndata: {shown}\n\n".encode())
                await asyncio.sleep(SHORTEST_PAUSE)
                if state.version == version:
                    await state.change()
        except ConnectionResetError:
            pass
        return response

    # --- the verbs ---------------------------------------------------------------------

    async def verb(self, request: web.Request) -> web.Response:
        """Do what the person at the page did."""
        act = self.verbs.get(request.match_info["verb"])
        if act is None:
            raise web.HTTPNotFound
        try:
            body = await request.json()
            answer = await act(body)
        except CannotDo as error:
            answer = {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever it is: logged, and told at the page
            _log.exception("the page's %s failed", request.match_info["verb"])
            answer = {"ok": False, "error": f"The sandbox failed ({error!r}); its log says where."}
        return web.json_response(answer)

    async def _command(self, body: Json) -> Json:
        if body.get("thread_ts"):
            raise CannotDo(f"{body['command']} is not supported in threads. Sorry!")
        ack = await self.driver.command(
            body["user"], body["channel"], body["command"], body.get("text", "")
        )
        return _result(ack, body["command"])

    async def _shortcut(self, body: Json) -> Json:
        where = body.get("channel") or ""
        ack = await self.driver.shortcut(body["user"], body["callback_id"], where)
        return _result(ack, "This shortcut")

    async def _message(self, body: Json) -> Json:
        thread_ts = body.get("thread_ts")
        said = self.driver.say(body["user"], body["channel"], body["text"], thread_ts)
        return {"ok": True, "ts": said.ts}

    async def _click(self, body: Json) -> Json:
        where = (body["user"], body["channel"], body["ts"], body["action_id"])
        return _result(await self.driver.click(*where, **_which(body)), "This")

    async def _view_click(self, body: Json) -> Json:
        where = (body["user"], body["view_id"], body["action_id"])
        typed = body.get("values")
        ack = await self.driver.click_in_view(*where, typed=typed, **_which(body))
        return _result(ack, "This")

    async def _home_click(self, body: Json) -> Json:
        where = (body["user"], body["action_id"])
        return _result(await self.driver.click_in_home(*where, **_which(body)), "This")

    async def _options(self, body: Json) -> Json:
        options = await self.driver.suggest(
            body["user"],
            body["view_id"],
            body["action_id"],
            block_id=body.get("block_id"),
            typed=body["value"],
        )
        return {"ok": True, "options": options}

    async def _submit(self, body: Json) -> Json:
        ack = await self.driver.submit(body["user"], body["view_id"], body["values"])
        return {"ok": True} if ack.error == "not_sent" else _result(ack, "This")

    async def _close(self, body: Json) -> Json:
        self.driver.close_modal(body["user"], body["view_id"])
        return {"ok": True}

    async def _home_opened(self, body: Json) -> Json:
        self.driver.open_home(body["user"])
        return {"ok": True}

    async def _cloud(self, body: Json) -> Json:
        if self.hooks.on_cloud is None:
            raise CannotDo("There is no cloud here.")
        await _maybe(self.hooks.on_cloud(body))
        self.driver.state.changed()
        return {"ok": True}

    async def _bot(self, body: Json) -> Json:
        if self.hooks.on_bot is None or body["op"] not in ("kill", "start"):
            raise CannotDo("The bot can't be stopped or started from here.")
        await _maybe(self.hooks.on_bot(body["op"]))
        self.driver.state.changed()
        return {"ok": True}


def _which(body: Json) -> Json:
    """Which element is used; a confirm can still be open when the button under it has gone."""
    return {"block_id": body.get("block_id"), "value": body.get("value"), "stale": True}


def _result(ack: Ack, what: str) -> Json:
    if not ack.error:
        return {"ok": True}
    return {"ok": False, "error": f"{what} {_TOLD.get(ack.error, ack.error)}"}


async def _maybe(result: Awaitable[None] | None) -> None:
    if result is not None:
        await result
