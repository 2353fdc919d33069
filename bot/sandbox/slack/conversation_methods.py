"""The `conversations.*` methods: what a channel is, what was said there."""

from bot.sandbox.slack.arguments import Arguments, Refusal
from bot.sandbox.slack.messages import Message, as_api
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import T_OTHER, Channel, Json

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
    return {"channel": _as_api(state, channel, count=args.flag("include_num_members"))}


def open_dm(state: State, args: Arguments) -> Json:
    """conversations.open: the direct message channel with one person."""
    users = [user for user in args.text("users").split(",") if user]
    if args.text("channel"):
        channel = channel_for_app(state, args.text("channel"))
    elif len(users) == 1:
        channel = _dm_with(state, users[0])
    else:
        raise Refusal("not_enough_users" if not users else "too_many_users")
    if args.flag("return_im"):
        return {"channel": _as_api(state, channel)}
    return {"channel": {"id": channel.id}}


def history(state: State, args: Arguments) -> Json:
    """conversations.history: newest first, without the replies in threads."""
    channel = _readable(state, args)
    found = [m for m in state.in_channel(channel.id) if not m.reply]
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


def _dm_with(state: State, user: str) -> Channel:
    person = state.workspace.people.get(user)
    if person is None:
        raise Refusal("user_not_found")
    if person.deleted:
        raise Refusal("user_disabled")
    if person.bot:
        raise Refusal("cannot_dm_bot")
    return state.workspace.dm_of(user)


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


def _as_api(state: State, channel: Channel, *, count: bool = False) -> Json:
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
        **({"num_members": len(channel.members)} if count else {}),
    }
