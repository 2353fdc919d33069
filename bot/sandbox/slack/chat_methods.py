"""The `chat.*` methods: post, edit, delete, whisper, link."""

from bot.sandbox.slack.arguments import Arguments, Refusal
from bot.sandbox.slack.content import Content, read_content
from bot.sandbox.slack.conversation_methods import channel_for_app
from bot.sandbox.slack.messages import Message, as_api
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Channel, Json

MOST_UPDATED_TEXT = 4_000


def post_message(state: State, args: Arguments) -> Json:
    """chat.postMessage: to a channel that the app is in, or to a person's direct messages."""
    channel = _writable(state, args.required("channel"))
    content = read_content(args)
    message = _new(state, channel, content, _thread(state, channel, args))
    state.add(message)
    shown = as_api(message, state.workspace, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": shown, **content.warning}


def post_ephemeral(state: State, args: Arguments) -> Json:
    """chat.postEphemeral: seen by one member of the channel."""
    channel = _writable(state, args.required("channel"))
    user = args.required("user")
    if user not in state.workspace.people:
        raise Refusal("user_not_found")
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    content = read_content(args)
    message = _new(state, channel, content, _thread(state, channel, args))
    message.ephemeral_to = user
    state.add(message)
    return {"message_ts": message.ts}


def update(state: State, args: Arguments) -> Json:
    """chat.update: `text` without `blocks` removes the blocks, as Slack's reference says."""
    channel = channel_for_app(state, args.required("channel"))
    message = state.find(channel.id, args.required("ts"))
    if message is None:
        raise Refusal("message_not_found")
    if message.user != state.workspace.app.user:
        raise Refusal("cant_update_message")
    if channel.archived:
        raise Refusal("is_inactive")
    limit = state.workspace.edit_seconds
    if limit is not None and state.clock() - float(message.ts) >= limit:
        raise Refusal("edit_window_closed")
    edit(state, message, read_content(args, most_text=MOST_UPDATED_TEXT))
    shown = as_api(message, state.workspace, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}


def delete(state: State, args: Arguments) -> Json:
    """chat.delete: the app's own messages."""
    channel = channel_for_app(state, args.required("channel"))
    message = state.find(channel.id, args.required("ts"))
    if message is None:
        raise Refusal("message_not_found")
    if message.user != state.workspace.app.user:
        raise Refusal("cant_delete_message")
    message.deleted = True
    state.changed()
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(state: State, args: Arguments) -> Json:
    """chat.getPermalink."""
    channel = channel_for_app(state, args.required("channel"))
    message = state.find(channel.id, args.required("message_ts"))
    if message is None:
        raise Refusal("message_not_found")
    link = f"{state.origin}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def edit(state: State, message: Message, content: Content) -> None:
    """Change a message to this content: blocks that are not given stay only where no text is."""
    text = message.text if content.text is None else content.text
    kept = [] if content.text else message.blocks
    blocks = kept if content.blocks is None else content.blocks
    message.change(text, blocks, state.new_ts())
    if content.attachments is not None:
        message.attachments = content.attachments
    if content.metadata is not None:
        message.metadata = content.metadata
    state.changed()


def _writable(state: State, target: str) -> Channel:
    person = state.workspace.people.get(target)
    if person is not None:
        target = state.workspace.dm_of(person.id).id
    channel = channel_for_app(state, target)
    if state.workspace.app.user not in channel.members:
        raise Refusal("not_in_channel")
    if channel.archived:
        raise Refusal("is_archived")
    if channel.dm and not state.workspace.app.messages_tab:
        raise Refusal("messages_tab_disabled")
    return channel


def _thread(state: State, channel: Channel, args: Arguments) -> str | None:
    thread_ts = args.text("thread_ts")
    if not thread_ts:
        return None
    parent = state.find(channel.id, thread_ts, ephemeral=True)
    if parent is None:
        raise Refusal("thread_not_found")
    if parent.ephemeral_to:
        raise Refusal("cannot_reply_to_message")
    return parent.thread_ts or parent.ts


def _new(state: State, channel: Channel, content: Content, thread_ts: str | None) -> Message:
    return Message(
        ts=state.new_ts(),
        channel=channel.id,
        user=state.workspace.app.user,
        text=content.text or "",
        blocks=content.blocks or [],
        attachments=content.attachments or [],
        metadata=content.metadata or {},
        thread_ts=thread_ts,
    )
