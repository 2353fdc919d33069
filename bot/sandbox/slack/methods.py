"""The methods of the Web API, but for those of views: who people are, what is said in a channel."""

from bot.sandbox.slack.arguments import Arguments, Content, Refusal, read_content
from bot.sandbox.slack.messages import Message, as_api
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import E_GRID, SLACKBOT, T_OTHER, Channel, Json, Person


def auth_test(state: State, _: Arguments) -> Json:
    """auth.test: who the app is."""
    workspace = state.workspace
    grid = {"enterprise_id": workspace.enterprise} if workspace.enterprise else {}
    return {
        **grid,
        "url": f"{state.origin}/",
        "team": workspace.team_name,
        "team_id": workspace.team,
        "user": workspace.app.name,
        "user_id": workspace.app.user,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": False,
    }


def user_info(state: State, args: Arguments) -> Json:
    """users.info."""
    person = state.workspace.people.get(args.text("user"))
    if person is None:
        raise Refusal("user_not_found")
    return {"user": _person(person)}


def group_users(state: State, args: Arguments) -> Json:
    """usergroups.users.list."""
    group = state.workspace.groups.get(args.required("usergroup"))
    if group is None or (group.disabled and not args.flag("include_disabled")):
        raise Refusal("no_such_subteam")
    return {"users": list(group.users)}


def _person(person: Person) -> Json:
    shown: Json = {
        "id": person.id,
        **({"enterprise_user": _grid(person)} if person.teams else {"team_id": person.team}),
        "name": person.name,
        "deleted": person.deleted,
        "is_bot": person.bot and person.id != SLACKBOT,
        "is_app_user": False,
        "updated": 1_700_000_000,
        "profile": {
            "real_name": person.real_name,
            "real_name_normalized": person.real_name,
            "display_name": person.name,
            "display_name_normalized": person.name,
            "title": person.title,
            "team": person.team,
        },
    }
    if person.stranger:
        shown["is_stranger"] = True
    if person.deleted:
        return shown
    return shown | {
        "real_name": person.real_name,
        "color": person.color.lstrip("#"),
        "tz": "Etc/UTC",
        "tz_label": "UTC",
        "tz_offset": 0,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": person.guest or person.single_channel,
        "is_ultra_restricted": person.single_channel,
    }


def _grid(person: Person) -> Json:
    return {
        "id": person.id,
        "enterprise_id": E_GRID,
        "enterprise_name": "Acme",
        "is_admin": False,
        "is_owner": False,
        "teams": person.teams,
    }


PAGE = 100


def channel_for_app(state: State, channel_id: str) -> Channel:
    """The channel, where the app may know of it: private ones only as a member."""
    channel = state.workspace.channels.get(channel_id)
    if channel is None:
        raise Refusal("channel_not_found")
    closed = channel.private or channel.dm or channel.group_dm
    if closed and state.workspace.app.user not in channel.members:
        raise Refusal("channel_not_found")
    return channel


def info(state: State, args: Arguments) -> Json:
    """conversations.info."""
    channel = channel_for_app(state, args.required("channel"))
    return {"channel": _as_api(state, channel)}


def history(state: State, args: Arguments) -> Json:
    """conversations.history: newest first, of replies in threads those sent to the channel too."""
    channel = _readable(state, args)
    found = [m for m in state.in_channel(channel.id) if m.in_channel]
    return _page(state, args, list(reversed(found)))


def replies(state: State, args: Arguments) -> Json:
    """conversations.replies: the message and its thread, oldest first."""
    channel = _readable(state, args)
    ts = args.required("ts")
    parent = state.find(channel.id, ts)
    if parent is None:
        raise Refusal("thread_not_found")
    root = parent.thread_ts or parent.ts
    found = [m for m in state.in_channel(channel.id) if root in (m.ts, m.thread_ts)]
    return _page(state, args, found)


def open_direct(state: State, args: Arguments) -> Json:
    """conversations.open, of a direct message with one person."""
    users = [user for each in args.required("users").split(",") if (user := each.strip())]
    if len(users) != 1:
        raise Refusal("missing_scope", needed="mpim:write")
    person = state.workspace.people.get(users[0])
    if person is None:
        raise Refusal("user_not_found")
    if person.bot:
        raise Refusal("cannot_dm_bot")
    if person.deleted:
        raise Refusal("user_disabled")
    return {"channel": {"id": state.workspace.dm_of(person.id).id}}


def _readable(state: State, args: Arguments) -> Channel:
    channel = channel_for_app(state, args.required("channel"))
    if state.workspace.app.user not in channel.members:
        raise Refusal("not_in_channel")
    return channel


def _page(state: State, args: Arguments, found: list[Message]) -> Json:
    oldest, latest = args.text("oldest") or "0", args.text("latest") or "9" * 17
    inclusive = args.flag("inclusive")
    chosen = [
        m
        for m in found
        if _seconds(oldest) < _seconds(m.ts) < _seconds(latest)
        or (inclusive and m.ts in (oldest, latest))
    ]
    start = args.number("cursor", 0) if args.values.get("cursor") else 0
    end = start + (args.number("limit", PAGE) or PAGE)
    metadata = args.flag("include_all_metadata")
    answer: Json = {
        "messages": [_message(state, m, metadata=metadata) for m in chosen[start:end]],
        "has_more": end < len(chosen),
    }
    if answer["has_more"]:
        answer["response_metadata"] = {"next_cursor": str(end)}
    return answer


def _seconds(ts: str) -> float:
    try:
        return float(ts)
    except ValueError:
        raise Refusal("invalid_ts_oldest") from None


def _message(state: State, message: Message, *, metadata: bool) -> Json:
    shown = as_api(message, state.workspace, metadata=metadata)
    below = [m for m in state.in_channel(message.channel) if m.reply and m.thread_ts == message.ts]
    if below:
        shown |= {
            "thread_ts": message.ts,
            "reply_count": len(below),
            "latest_reply": below[-1].ts,
            "reply_users": sorted({m.user for m in below}),
        }
    return shown


def _as_api(state: State, channel: Channel) -> Json:
    home = state.workspace.team
    shown: Json = {
        "id": channel.id,
        "created": 1_700_000_000,
        "is_archived": channel.archived,
        "is_im": channel.dm,
        "is_mpim": channel.group_dm,
        "is_org_shared": False,
        "context_team_id": home,
        "updated": 1_700_000_000_000,
    }
    if channel.dm:
        other = channel.members - {state.workspace.app.user}
        return {**shown, "user": next(iter(other)), "is_open": True}
    return {
        **shown,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not (channel.private or channel.group_dm),
        "is_group": channel.private or channel.group_dm,
        "is_private": channel.private or channel.group_dm,
        "is_general": False,
        "is_member": state.workspace.app.user in channel.members,
        "is_shared": channel.shared,
        "is_ext_shared": channel.shared,
        "is_pending_ext_shared": channel.invited,
        "pending_shared": [T_OTHER] if channel.invited else [],
        "shared_team_ids": [home, T_OTHER] if channel.shared else [home],
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


MOST_UPDATED_TEXT = 4_000


def post_message(state: State, args: Arguments) -> Json:
    """chat.postMessage: to a channel that the app is in, or to a person's direct messages."""
    channel = _writable(state, args.required("channel"))
    content = read_content(args)
    message = _new(state, channel, content, _thread(state, channel, args))
    # Without a thread there is nothing to send to the channel as well.
    message.broadcast = message.reply and args.flag("reply_broadcast")
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
        metadata=content.metadata or {},
        thread_ts=thread_ts,
    )
