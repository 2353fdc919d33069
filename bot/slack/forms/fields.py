"""What the form asks, and what it says so far, read from Slack's payloads. Pure.

A field's block id says what the field depends on: routes stand below `routes|region|connection`.
So Slack drops what was chosen as soon as that is another one, and a search knows where to look:
what stands in the other fields is not said to it.
"""

from collections.abc import Callable
from math import isfinite

import msgspec
from msgspec.structs import replace

from bot.command import MAX_REASON
from bot.command.errors import InvalidValue
from bot.command.text import plain
from bot.command.values import connection_id, region_id
from bot.models import Connection, Value, VcoRoute
from bot.slack.payload import Body, items, part, word
from bot.slack.payloads import InboxItem

CALLBACK = "vco_route_delete_form"
SHORTCUT = "vco_route_delete"
"""The global shortcut's callback id, as in manifest.yml."""

REGION, CONNECTION, ROUTES = "region", "connection", "routes"
TYPED_REGION, TYPED_CONNECTION, TYPED_ROUTES = "typed_region", "typed_connection", "typed_routes"
REASON, CHANNEL, WAYS = "reason", "channel", "ways"
"""The names of the blocks: what stands before the first `|` of their ids."""

PICK_REGION = "vco_route_form_region"
PICK_CONNECTION = "vco_route_form_connection"
PICK_ROUTES = "vco_route_form_routes"
TYPE_INSTEAD = "vco_route_form_type"
LOOK_INSTEAD = "vco_route_form_look"
TAKE_CONNECTION = "vco_route_form_take"
TEXT = "text"
"""The action ids; `TEXT` is that of all fields that nobody listens to."""

TYPING = "type:"
"""How the value of the option begins that leads from searching to typing."""

VALUE_LIMIT = 150
"""Characters of an option's value (Slack, Block Kit reference)."""

ID_LIMIT = 100
BLOCKS_LIMIT = 1500
REASON_LIMIT = MAX_REASON
"""Characters of what is typed; twenty blocks of IPv6 need some 900."""


class Form(Value, frozen=True):
    """What the form says so far.

    `channel` is where the card is to be; `asking`: the form asks for it. `typing`: connection
    and routes are typed, not chosen. `routes` are values of chosen options, `blocks` is what was
    typed instead.
    """

    channel: str = ""
    asking: bool = False
    typing: bool = False
    region: str = ""
    connection: str = ""
    routes: tuple[str, ...] = ()
    blocks: str = ""
    reason: str = ""


class DeleteFormSubmitted(InboxItem, frozen=True, tag="form"):
    """The form, sent in: as it was filled in, to be checked when it is handled.

    `routes` were chosen, each as the value of its option; `blocks` was typed instead.
    """

    region: str = ""
    connection: str = ""
    routes: tuple[str, ...] = ()
    blocks: str = ""
    reason: str = ""


def block_id(name: str, *of: str) -> str:
    """The id of a field's block, which depends on what the field is about."""
    return "|".join((name, *of))


def about(body: Body) -> tuple[str, ...]:
    """What the field is about that is being searched in: a region, or also a connection."""
    return tuple(word(body, "block_id").split("|")[1:])


def clicked_at(body: Body) -> float:
    """When the click was made, by Slack's clock; 0 where it does not say."""
    actions = items(body, "actions")
    try:
        at = float(word(actions[0], "action_ts")) if actions else 0.0
    except ValueError:
        return 0.0
    return at if isfinite(at) else 0.0


def route_value(route: VcoRoute) -> str:
    """A route of a known connection as the value of an option."""
    own = route.next_hop == route.vpn_connection_id
    return "|".join((route.route_dest, str(route.weight), *(() if own else (route.next_hop,))))


def connection_value(connection: Connection) -> str:
    """A connection that is offered, as the value of its button."""
    return f"{connection.region}|{connection.vpn_connection_id}"


def taken(body: Body) -> tuple[str, str]:
    """The region and the id of the offered connection that was clicked; empty where odd."""
    actions = items(body, "actions")
    region, _, connection = (word(actions[0], "value") if actions else "").partition("|")
    return sound(region_id, region), sound(connection_id, connection)


def sound(read_: Callable[[str], str], typed: str) -> str:
    """What a word stands for, or nothing where it is no such thing."""
    try:
        return read_(typed)
    except InvalidValue:
        return ""


def to_metadata(form: Form) -> str:
    """The form as its own metadata, without what stands in its fields anyway."""
    kept = msgspec.structs.replace(form, routes=(), blocks="", reason="")
    return msgspec.json.encode(kept).decode()


def read(body: Body) -> Form:
    """The form as it is at a click in it, or when it is sent in."""
    view = part(body, "view")
    before = _from_metadata(word(view, "private_metadata"))
    values = part(part(view, "state"), "values")
    picked = _chosen(values, REGION)
    region = picked.removeprefix(TYPING) or _typed(values, TYPED_REGION, before.region)
    form = Form(
        channel=_field(values, CHANNEL, "selected_conversation") or before.channel,
        asking=before.asking,
        typing=before.typing or picked.startswith(TYPING),
        region=region[:ID_LIMIT],
        connection=before.connection if region == before.region else "",
        blocks=_typed(values, TYPED_ROUTES, "")[:BLOCKS_LIMIT],
        reason=plain(_typed(values, REASON, ""))[:REASON_LIMIT],
    )
    picked = _chosen(values, block_id(CONNECTION, region))
    if picked.startswith(TYPING):
        return replace(form, typing=True, connection=picked.removeprefix(TYPING)[:ID_LIMIT])
    connection = picked or _typed(values, TYPED_CONNECTION, form.connection)
    form = replace(form, connection=connection[:ID_LIMIT])
    return _with_routes(form, _all_chosen(values, block_id(ROUTES, region, connection)))


def sent(body: Body) -> DeleteFormSubmitted:
    """The form, sent in."""
    form = read(body)
    return DeleteFormSubmitted(
        user=word(part(body, "user"), "id"),
        channel=form.channel,
        region=form.region,
        connection=form.connection,
        routes=() if form.typing else form.routes,
        blocks=form.blocks if form.typing else "",
        reason=form.reason,
    )


def typing(form: Form) -> Form:
    """The same, to be typed from here on; what was chosen is typed already."""
    dests = dict.fromkeys(value.partition("|")[0] for value in form.routes)
    return replace(form, typing=True, routes=(), blocks=form.blocks or " ".join(dests))


def _with_routes(form: Form, values: tuple[str, ...]) -> Form:
    routes = tuple(value for value in values if not value.startswith(TYPING))
    form = replace(form, routes=routes)
    return form if routes == values else typing(form)


def _from_metadata(metadata: str) -> Form:
    try:
        return msgspec.json.decode(metadata, type=Form)
    except msgspec.MsgspecError:
        return Form()


def _action(values: Body, block: str) -> Body:
    """The state of a block's one element."""
    actions = part(values, block)
    return part(actions, next(iter(actions), ""))


def _field(values: Body, block: str, name: str) -> str:
    return word(_action(values, block), name)


def _chosen(values: Body, block: str) -> str:
    return word(part(_action(values, block), "selected_option"), "value")


def _all_chosen(values: Body, block: str) -> tuple[str, ...]:
    chosen = items(_action(values, block), "selected_options")
    return tuple(word(option, "value") for option in chosen)


def _typed(values: Body, block: str, default: str) -> str:
    """What was typed; `default` where there is no such field, not where it is empty."""
    return _field(values, block, "value").strip() if block in values else default
