"""The person at the keyboard: what they see, type, choose and click.

The tests and the page use the same code. Whatever a person could not do in Slack raises
`CannotDo` and reaches no app.
"""

import json

import msgspec

from bot.sandbox.slack import payloads
from bot.sandbox.slack.blocks import OPTIONS
from bot.sandbox.slack.deliver import Ack, Courier, Kind
from bot.sandbox.slack.messages import Message, find_element
from bot.sandbox.slack.responses import after_submit, apply_command_ack
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import Typed, View, chosen, complaints, filled, fits
from bot.sandbox.slack.workspace import Channel, Json, Workspace


class CannotDo(Exception):
    """There is nothing to click, the channel is not theirs, the form is not open …."""


def options_of(ack: Ack) -> list[Json]:
    """The options of an answer to a search.

    Raises:
        CannotDo: there is no answer, or it has nothing that Slack would show.
    """
    options: list[Json] | None = (ack.json or {}).get("options")
    if ack.error or options is None:
        raise CannotDo(f"no options: {ack.error or 'the answer has none'}")
    if options and (problem := next(OPTIONS(options, "/options"), "")):
        raise CannotDo(f"no options: {problem}")
    return options


MIN_QUERY_LENGTH = 3

Found = tuple[Json, Json]


class Driver:
    """What people see and do in the workspace. A view is named by its id."""

    def __init__(self, state: State, courier: Courier) -> None:
        self.state = state
        self.courier = courier

    @property
    def workspace(self) -> Workspace:
        """The people and channels; change them in place."""
        return self.state.workspace

    def closed(self, channel: Channel) -> str:
        """Why nobody can write there, in Slack's words; empty where people can."""
        app = self.workspace.app
        if channel.archived:
            return "This channel is archived."
        silent = app.messages_tab_read_only or not app.messages_tab
        if channel.dm and app.user in channel.members and silent:
            return "Sending messages to this app has been turned off."
        return ""

    def visible(self, user: str, channel: Channel) -> bool:
        """Whether a person finds the channel in their client."""
        if user in channel.members:
            return True
        return not (channel.private or channel.dm or self.workspace.people[user].stranger)

    def name_of(self, channel: Channel, user: str) -> str:
        """What a person sees as its name: of a direct message the other one's."""
        others = [self.workspace.people[member] for member in channel.members if member != user]
        return others[0].name if channel.dm and others else f"#{channel.name}"

    def modal(self, user: str) -> View | None:
        """The modal that the person has open."""
        return self.state.modal(user)

    async def shortcut(self, user: str, callback_id: str, channel: str = "") -> Ack:
        """Start a global shortcut, looking at a channel or at none. The app is not told which."""
        if callback_id not in {known.callback_id for known in self.workspace.app.shortcuts}:
            raise CannotDo(f"The app has no shortcut {callback_id}.")
        person = self.workspace.people.get(user)
        if person is None or not person.human or person.stranger:
            raise CannotDo(f"{user} can't use shortcuts")
        payload = payloads.shortcut(
            self.state, user, callback_id, self.workspace.channels.get(channel)
        )
        return await self.courier.send(Kind.INTERACTIVE, payload)

    def open_home(self, user: str) -> None:
        """Open the app's Home tab: an event, delivered until it is acked."""
        self.courier.send_event(payloads.home_opened(self.state, user))

    # --- searching ---------------------------------------------------------------------

    async def suggest(
        self, user: str, view_id: str, action_id: str, *, block_id: str | None = None, typed: str
    ) -> list[Json]:
        """Type in a search: the options that are there."""
        view = self._modal(user, view_id)
        found = find_in(view, action_id, block_id)
        element = found[1]
        if element["type"] == "conversations_select":
            return self._conversations(user, element, typed)
        if not element["type"].endswith("external_select"):
            raise CannotDo(f"nothing to search in {action_id}")
        least = element.get("min_query_length", MIN_QUERY_LENGTH)
        if len(typed) < least:
            raise CannotDo(f"Type at least {least} characters.")
        payload = payloads.suggestion(self.state, view, found, typed)
        options = options_of(await self.courier.send(Kind.INTERACTIVE, payload))
        view.offer(action_id, options)
        return options

    # --- clicking and sending ----------------------------------------------------------

    async def click_in_view(  # noqa: PLR0913 - where, what, how
        self,
        user: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: object = None,
        typed: Typed | None = None,
        stale: bool = False,
    ) -> Ack:
        """Use an element of an open modal, with what is typed in it so far.

        A `value` chooses that option, or says which of several buttons is meant. `stale` uses an
        element that has gone, as a client does that has not updated yet.
        """
        view = self._modal(user, view_id)
        if typed:
            self._fill(view, typed)
        found = find_in(view, action_id, block_id, value, stale=stale)
        return await self._act_in(view, found, value)

    async def click_in_home(
        self,
        user: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: object = None,
        stale: bool = False,
    ) -> Ack:
        """Click a button of the Home tab; a `value` says which of several is meant."""
        home = self.state.homes.get(user)
        if home is None:
            raise CannotDo(f"{user} has no Home tab")
        found = find_in(home, action_id, block_id, value, stale=stale)
        return await self._act_in(home, found, value)

    async def submit(self, user: str, view_id: str, values: Typed | None = None) -> Ack:
        """Fill a modal in and submit it; what is not given stays as it is.

        What Slack's client checks itself (a required field) shows as an error of the modal and
        is not sent: the Ack has `error` "not_sent".
        """
        view = self._modal(user, view_id)
        self._fill(view, values or {})
        view.errors = complaints(view.blocks, view.state)
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

    def close_modal(self, user: str, view_id: str) -> None:
        """Close a modal with its close button."""
        self._modal(user, view_id)
        self.state.close_view(user)

    # --- in channels ------------------------------------------------------------------

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
        stale: bool = False,
    ) -> Ack:
        """Click a button of a message, an ephemeral one too; `value` says which of several.

        `stale` clicks one that is gone, in the message as it was, as a client does that has not
        updated yet.
        """
        message = self.state.find(channel, ts, ephemeral=True)
        seen = message is not None and message.ephemeral_to in ("", user)
        if message is None or not seen or not self.workspace.member(user, channel):
            raise CannotDo(f"{user} sees no message {ts} in {channel}")
        versions = [*message.past, message.blocks] if stale else [message.blocks]
        for blocks in reversed(versions):
            found = find_element(blocks, action_id, block_id, value)
            if found is not None:
                as_seen = msgspec.structs.replace(message, blocks=blocks)
                action = payloads.action_of(self.state, *found, _pressed(found[1]))
                payload = payloads.message_action(self.state, user, as_seen, action)
                return await self.courier.send(Kind.INTERACTIVE, payload)
        raise CannotDo(f"no {action_id} in: {json.dumps(message.blocks)}")

    # --- inside ------------------------------------------------------------------------

    def _modal(self, user: str, view_id: str) -> View:
        view = self.state.views.get(view_id)
        if view is None or view.user != user:
            raise CannotDo(f"{user} has no modal {view_id}")
        return view

    def _fill(self, view: View, typed: Typed) -> None:
        try:
            view.state = filled(view.blocks, view.state, typed, view.offered)
        except LookupError as error:
            raise CannotDo(str(error)) from error

    async def _act_in(self, view: View, found: Found, value: object) -> Ack:
        block, element = found
        pressed = element["type"] == "button"
        done = _pressed(element) if pressed else self._hold(view, found, value)
        action = payloads.action_of(self.state, block, element, done)
        payload = payloads.view_action(self.state, view, action)
        return await self.courier.send(Kind.INTERACTIVE, payload)

    def _hold(self, view: View, found: Found, value: object) -> Json:
        """Let a field hold a value."""
        block, element = found
        held = view.state.get(block["block_id"], {})
        offered = view.offered(element, held.get(element["action_id"], {}))
        try:
            done = chosen(element, value, offered)
        except LookupError as error:
            raise CannotDo(str(error)) from error
        self._there(element, done)
        if element["action_id"] in held:
            held[element["action_id"]] = {"type": element["type"], **done}
        return done

    def _there(self, element: Json, done: Json) -> None:
        """What is chosen by its id must be a conversation that the element shows."""
        one = done.get("selected_conversation")
        if one is not None:
            channel = self.workspace.channels.get(one)
            if channel is None or not fits(element, channel):
                raise CannotDo(f"{element['action_id']} does not offer {one}")

    def _conversations(self, user: str, element: Json, typed: str) -> list[Json]:
        """Where the person may choose a conversation: those that the element shows, by name."""
        shown = [
            (channel.id, self.name_of(channel, user))
            for channel in self.workspace.channels.values()
            if self.visible(user, channel) and not channel.archived and fits(element, channel)
        ]
        return [
            {"text": {"type": "plain_text", "text": name}, "value": channel_id}
            for channel_id, name in shown
            if typed.lower() in name.lower()
        ]

    def _typing_in(self, user: str, channel: str) -> Channel:
        where = self.workspace.channels.get(channel)
        person = self.workspace.people.get(user)
        if where is None or person is None or user not in where.members:
            raise CannotDo(f"{user} is not in {channel}")
        if closed := self.closed(where):
            raise CannotDo(closed)
        if not person.human:
            raise CannotDo(f"{person.name} can't sign in")
        return where


def find_in(
    view: View,
    action_id: str,
    block_id: str | None,
    value: object = None,
    *,
    stale: bool = False,
) -> Found:
    """The block and the element of a view; `stale`: also as it was before.

    Raises:
        CannotDo: there is none.
    """
    versions = [*view.past, view.blocks] if stale else [view.blocks]
    for blocks in reversed(versions):
        found = find_element(blocks, action_id, block_id, value)
        if found is not None:
            return found
    raise CannotDo(f"no {action_id} in: {json.dumps(view.blocks)}")


def _pressed(button: Json) -> Json:
    """What a click on a button says of it."""
    return {"value": button["value"]} if "value" in button else {}
