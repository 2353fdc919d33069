"""The person at the keyboard: types commands, clicks, fills forms in.

The tests and the page use the same code. Whatever a person could not do in Slack raises
`CannotDo` and reaches no app.
"""

import json

import msgspec

from bot.sandbox.slack import payloads
from bot.sandbox.slack.deliver import Ack, Courier, Kind, encode
from bot.sandbox.slack.elements import OPTIONS
from bot.sandbox.slack.inputs import Typed, chosen, filled
from bot.sandbox.slack.messages import Message, find_element
from bot.sandbox.slack.reading import Reader
from bot.sandbox.slack.responses import apply_command_ack
from bot.sandbox.slack.state import State
from bot.sandbox.slack.submissions import after_submit
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import Channel, Json


class CannotDo(Exception):
    """There is nothing to click, the channel is not theirs, the form is not open …."""


class Driver(Reader):
    """What people do in the workspace; what they see is in `Reader`."""

    def __init__(self, state: State, courier: Courier) -> None:
        super().__init__(state)
        self.courier = courier

    async def command(self, user: str, channel: str, command: str, text: str = "") -> Ack:
        """Type a slash command. What its ack carries is shown to the person."""
        where = self._typing_in(user, channel)
        if command not in {known.command for known in self.workspace.app.commands}:
            raise CannotDo(f"{command} is not a valid command.")
        url, hook = self.state.new_hook(user, channel)
        fields = payloads.command(
            self.state, user, where, name=command, text=text, response_url=url
        )
        hook.pending = True
        try:
            ack = await self.courier.send(Kind.COMMAND, fields)
            error = apply_command_ack(self.state, hook, ack)
        finally:
            hook.pending = False
            self.state.changed()
        return msgspec.structs.replace(ack, error=error)

    def say(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Message:
        """Type a message. The app does not hear of it: it subscribes to no messages."""
        self._typing_in(user, channel)
        if thread_ts and self.state.find(channel, thread_ts) is None:
            raise CannotDo("This message is gone.")
        return self.state.add(
            Message(
                ts=self.state.new_ts(),
                channel=channel,
                user=user,
                text=payloads.escape(text),
                thread_ts=thread_ts,
            )
        )

    async def click(  # noqa: PLR0913 - one keyword for each thing that can be special
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: object = None,
        force_value: str | None = None,
        stale: bool = False,
    ) -> Ack:
        """Use an element of a message: click a button, or choose the option with `value`.

        `force_value` forges the value of a button. `stale` clicks an element that is gone, in
        the message as it was, as a client does that has not updated yet.
        """
        message = self.state.find(channel, ts, ephemeral=True)
        seen = message is not None and message.ephemeral_to in ("", user)
        if message is None or not seen or not self.workspace.member(user, channel):
            raise CannotDo(f"{user} sees no message {ts} in {channel}")
        versions = [*message.past, message.blocks] if stale else [message.blocks]
        for blocks in reversed(versions):
            found = find_element(blocks, action_id, block_id)
            if found is not None:
                as_seen = msgspec.structs.replace(message, blocks=blocks)
                action = self._action(found, value, force_value)
                payload = payloads.message_action(self.state, user, as_seen, action)
                return await self.courier.send(Kind.INTERACTIVE, payload)
        raise CannotDo(f"no {action_id} in: {json.dumps(message.blocks)}")

    async def click_in_view(  # noqa: PLR0913 - where, what, how
        self,
        user: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: object = None,
        typed: Typed | None = None,
    ) -> Ack:
        """Use an element of an open modal, with what is typed in it so far."""
        view = self._open_view(user, view_id)
        if typed:
            view.state |= filled(view.view, typed)[0]
        return await self._act_in(view, action_id, block_id, value)

    async def click_in_home(
        self, user: str, action_id: str, *, block_id: str | None = None, value: object = None
    ) -> Ack:
        """Use an element of the Home tab."""
        home = self.state.homes.get(user)
        if home is None:
            raise CannotDo(f"{user} has no Home tab")
        return await self._act_in(home, action_id, block_id, value)

    async def suggest(
        self, user: str, view_id: str, action_id: str, *, block_id: str | None = None, typed: str
    ) -> list[Json]:
        """Type in an external_select of a modal: the options that the app gives."""
        view = self._open_view(user, view_id)
        found = find_element(view.view["blocks"], action_id, block_id)
        if found is None or not found[1]["type"].endswith("external_select"):
            raise CannotDo(f"nothing to search in {action_id}")
        payload = payloads.suggestion(self.state, view, found, typed)
        ack = await self.courier.send(Kind.INTERACTIVE, payload)
        options = (ack.json or {}).get("options")
        problems = list(OPTIONS(options, "/options")) if options != [] else []
        if ack.error or problems:
            raise CannotDo(f"no options: {ack.error or problems[0]}")
        return list(options or [])

    async def submit(self, user: str, view_id: str, values: Typed | None = None) -> Ack:
        """Fill a modal in and submit it; what is not given keeps its initial value.

        What Slack's client checks itself (a required field) shows as an error of the modal and
        is not sent: the Ack has `error` "not_sent".
        """
        view = self._open_view(user, view_id)
        state, view.errors = filled(view.view, values or {})
        view.state |= state
        if view.errors:
            self.state.changed()
            return Ack(error="not_sent")
        view.busy = True
        self.state.changed()
        try:
            ack = await self.courier.send(
                Kind.INTERACTIVE, payloads.view_submission(self.state, view)
            )
        finally:
            view.busy = False
        error = after_submit(self.state, view, ack)
        self.state.changed()
        return msgspec.structs.replace(ack, error=error)

    async def close_modal(self, user: str, view_id: str) -> None:
        """Close a modal with its close button; the app is told where it asked for that."""
        view = self._open_view(user, view_id)
        clear = bool(view.view.get("clear_on_close"))
        if clear:
            self.state.close_views(user)
        else:
            self.state.close_top(user)
        if view.view.get("notify_on_close"):
            payload = payloads.view_closed(self.state, view, cleared=clear)
            await self.courier.send(Kind.INTERACTIVE, payload)

    async def shortcut(self, user: str, callback_id: str) -> Ack:
        """Start a global shortcut."""
        payload = payloads.shortcut(self.state, user, callback_id)
        return await self.courier.send(Kind.INTERACTIVE, payload)

    def open_home(self, user: str) -> None:
        """Open the app's Home tab: an event, delivered until it is acked."""
        self.courier.send_event(payloads.home_opened(self.state, user))

    async def deliver(
        self,
        kind: Kind | str,
        payload: Json | bytes,
        *,
        signature: str | None = None,
        timestamp: str | None = None,
    ) -> Ack:
        """Send anything to the request URL: forged, unsigned ("" leaves out), stale, malformed."""
        content_type, body = encode(Kind(kind), payload if isinstance(payload, dict) else {})
        body = payload if isinstance(payload, bytes) else body
        headers = self.courier.signed(content_type, body, signature=signature, timestamp=timestamp)
        return await self.courier.raw(body, headers)

    # --- inside ------------------------------------------------------------------------

    def _typing_in(self, user: str, channel: str) -> Channel:
        where = self.workspace.channels.get(channel)
        person = self.workspace.people.get(user)
        if where is None or person is None or user not in where.members:
            raise CannotDo(f"{user} is not in {channel}")
        if where.archived:
            raise CannotDo("This channel is archived.")
        app = self.workspace.app
        silent = app.messages_tab_read_only or not app.messages_tab
        if where.dm and app.user in where.members and silent:
            raise CannotDo("Sending messages to this app has been turned off.")
        if not person.human:
            raise CannotDo(f"{person.name} can't sign in")
        return where

    def _open_view(self, user: str, view_id: str) -> View:
        view = self.state.views.get(view_id)
        if view is None or view.user != user:
            raise CannotDo(f"{user} has no modal {view_id}")
        return view

    def _action(self, found: tuple[Json, Json], value: object, forced: str | None = None) -> Json:
        block, element = found
        if element["type"] == "button":
            own = element.get("value") if forced is None else forced
            done: Json = {} if own is None else {"value": own}
        else:
            done = chosen(element, value)
        return payloads.action_of(self.state, block, element, done)

    async def _act_in(self, view: View, action_id: str, block_id: str | None, value: object) -> Ack:
        found = find_element(view.view["blocks"], action_id, block_id)
        if found is None:
            raise CannotDo(f"no {action_id} in: {json.dumps(view.view['blocks'])}")
        block, element = found
        action = self._action(found, value)
        if element["type"] != "button":
            held = {"type": element["type"], **chosen(element, value)}
            view.state.setdefault(block["block_id"], {})[element["action_id"]] = held
        payload = payloads.view_action(self.state, view, action)
        return await self.courier.send(Kind.INTERACTIVE, payload)
