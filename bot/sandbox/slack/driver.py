"""The person at the keyboard: types commands and messages, clicks in messages.

The tests and the page use the same code. Whatever a person could not do in Slack raises
`CannotDo` and reaches no app. What they do in modals and in the Home tab is in `forms`.
"""

import json

import msgspec

from bot.sandbox.slack import payloads
from bot.sandbox.slack.deliver import Ack, Kind, encode
from bot.sandbox.slack.forms import Forms
from bot.sandbox.slack.inputs import chosen
from bot.sandbox.slack.messages import Message, find_element
from bot.sandbox.slack.reading import CannotDo
from bot.sandbox.slack.responses import apply_command_ack
from bot.sandbox.slack.workspace import Channel, Json

__all__ = ["CannotDo", "Driver"]


class Driver(Forms):
    """What people do in the workspace; what they see is in `Reader`."""

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
        """Use an element of a message, an ephemeral one too: click a button, choose an option.

        A `value` chooses that option, or says which of several buttons is meant.
        `force_value` forges the value of a button. `stale` clicks an element that is gone, in
        the message as it was, as a client does that has not updated yet.
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
                action = self._action(found, value, force_value)
                payload = payloads.message_action(self.state, user, as_seen, action)
                return await self.courier.send(Kind.INTERACTIVE, payload)
        raise CannotDo(f"no {action_id} in: {json.dumps(message.blocks)}")

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

    def _action(self, found: tuple[Json, Json], value: object, forced: str | None = None) -> Json:
        block, element = found
        if element["type"] == "button":
            own = element.get("value") if forced is None else forced
            done: Json = {} if own is None else {"value": own}
        else:
            done = _chosen(element, value)
        return payloads.action_of(self.state, block, element, done)


def _chosen(element: Json, value: object) -> Json:
    try:
        return chosen(element, value, {})
    except LookupError as error:
        raise CannotDo(str(error)) from error
