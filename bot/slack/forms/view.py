"""The form for a deletion: where, which routes, why; and what traffic would do then. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network

from bot import lifecycle
from bot.command import MAX_CIDRS
from bot.command.values import connection_id, region_id
from bot.errors import PreviewError, Unclear, UserError
from bot.models import Connection, Draft, LiveRoute, Network, RouteKind, Terms
from bot.policy import Matter, Policy
from bot.preview.impact import within
from bot.preview.resolve import obstacle, resolve
from bot.preview.snapshot import snapshot
from bot.slack.forms import fields
from bot.slack.forms.checks import draft_of
from bot.slack.forms.fields import (
    TYPING,
    VALUE_LIMIT,
    DeleteFormSubmitted,
    Form,
    block_id,
    route_value,
    sound,
)
from bot.slack.forms.lookup import ConnectionRoutes, Unavailable
from bot.slack.forms.needs import needs
from bot.slack.messages.card_body import preview
from bot.slack.messages.first_line import first_line
from bot.slack.messages.labels import CHOOSE_THIS, Symbol
from bot.slack.messages.mrkdwn import (
    Block,
    button,
    context,
    cut,
    literal,
    modal,
    plain,
    prose,
    section,
    some,
    visible,
)
from bot.slack.messages.table import without_tables

MOST_OPTIONS = 100
"""How many options a select takes, static or searched (Slack, Block Kit reference)."""

_TEXT_LIMIT = 75
"""Characters of an option's text and of its description (the same)."""


def option(text: str, value: str, description: str = "") -> Block:
    """One option; its text is never interpreted, whoever has named what it stands for."""
    about = {"description": _plain(description)} if description else {}
    return {"text": _plain(text), "value": value, **about}


def region_options(known: Sequence[str] | Unavailable, typed: str) -> list[Block]:
    """The regions whose id contains what was typed."""
    word = typed.strip().casefold()
    if isinstance(known, Unavailable):
        as_typed = sound(region_id, typed)
        return [*([option(as_typed, as_typed)] if as_typed else []), _type_instead(known, typed)]
    return [option(one, one) for one in sorted(known) if word in one][:MOST_OPTIONS]


def connection_option(connection: Connection) -> Block:
    """A connection by the name that people know it by, its id, its state."""
    ids = f"{connection.vpn_connection_id} · {connection.state}"
    name = " ".join(connection.name.split())
    room = _TEXT_LIMIT - len(ids) - len(" · ")
    text = f"{cut(name, room)} · {ids}" if name and room > 0 else ids
    return option(text, connection.vpn_connection_id)


def connection_options(found: Sequence[Connection] | Unavailable, typed: str) -> list[Block]:
    """The connections whose name or id contains what was typed, those without routes of ours last.

    A whole id can be chosen also where no list could be had.
    """
    word = typed.strip().casefold()
    if isinstance(found, Unavailable):
        as_typed = sound(connection_id, typed)
        whole = [option(f"{as_typed} · as typed", as_typed)] if as_typed else []
        return [*whole, _type_instead(found, typed)]
    fits = [c for c in found if word in c.name.casefold() or word in c.vpn_connection_id.casefold()]
    fits.sort(key=lambda c: (bool(obstacle(c)), c.name.casefold(), c.vpn_connection_id))
    return [connection_option(one) for one in fits[:MOST_OPTIONS]]


def deletable(routes: Iterable[LiveRoute]) -> list[LiveRoute]:
    """The routes that a form can offer: custom ones, each once, in the vendor's order."""
    custom = {r.route: r for r in routes if r.kind is RouteKind.CUSTOM}
    known = (r for r in custom.values() if r.route.weight_known)
    return [r for r in known if len(route_value(r.route)) <= VALUE_LIMIT]


def route_option(live: LiveRoute) -> Block:
    """A route as an option; its next hop is named where it is not the connection itself."""
    route = live.route
    hop = "" if route.next_hop == route.vpn_connection_id else f"next hop {route.next_hop}"
    return option(f"{route.route_dest} · weight {route.weight}", route_value(route), hop)


def route_options(found: ConnectionRoutes | Unavailable, typed: str) -> list[Block]:
    """The routes that have what was typed in their text; of an address, those that cover it."""
    if isinstance(found, Unavailable):
        return [_type_instead(found, typed)]
    word, block = typed.strip().casefold(), _block(typed)
    return [
        route_option(live)
        for live in deletable(found.routes)
        if word in f"{live.route.route_dest} · weight {live.route.weight}".casefold()
        or (block is not None and _covers(live, block))
    ][:MOST_OPTIONS]


def _type_instead(nothing: Unavailable, typed: str) -> Block:
    return option(f"Enter the id by hand · {nothing.why}", f"{TYPING}{typed.strip()}"[:VALUE_LIMIT])


def _block(typed: str) -> Network | None:
    try:
        return ip_network(typed.strip(), strict=False)
    except ValueError:
        return None


def _covers(live: LiveRoute, block: Network) -> bool:
    try:
        return within(block, live.route.network)
    except ValueError:
        # Whatever the cloud lists there, it is no block.
        return False


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": cut(visible(text), _TEXT_LIMIT), "emoji": False}


_EXAMPLE = "192.168.10.0/24"


def lookup_form(form: Form, said: str, unclear: Unclear | None = None) -> Block:
    """The modal while a connection is looked for, and then with those that may be meant."""
    asked = [section(prose(said)), *_offered(unclear)]
    return _modal(form, asked, _BY_SEARCH | _BY_HAND)


def _offered(unclear: Unclear | None) -> Iterator[Block]:
    if unclear is None:
        return
    if unclear.mend:
        yield context(prose(unclear.mend))
    for offer in unclear.offers:
        choose = button(CHOOSE_THIS, fields.TAKE_CONNECTION, offer.command)
        yield section(prose(offer.about)) | {"accessory": choose}


def delete_form(
    form: Form,
    seen: ConnectionRoutes | None = None,
    *,
    why: str = "",
    policy: Policy | None = None,
    channel: str = "",
) -> Block:
    """The modal as it should look now.

    `seen`: the connection that was chosen, with its routes. `why`: what could not be looked up,
    so that it is typed. `policy` says what the request would need, with a card in `channel`.
    """
    if form.typing:
        return _modal(form, _typed(form, why), _BY_SEARCH)
    needed = list(_needs(form, seen, policy, channel)) if policy and seen else []
    return _modal(form, [*_chosen(form, seen), *needed], _BY_HAND)


def _needs(form: Form, seen: ConnectionRoutes, policy: Policy, channel: str) -> Iterator[Block]:
    """Nothing where no route can be deleted, or where nobody knows yet where the card will be."""
    if _obstacle(form, seen) or not (channel or form.channel):
        return
    matter = Matter(
        region=form.region,
        vpn_connection_id=form.connection,
        channel=channel or form.channel,
    )
    chosen = [r.route.network for r in seen.routes if route_value(r.route) in form.routes]
    yield from needs(policy, matter, chosen)


_BY_SEARCH = {"Search instead": fields.LOOK_INSTEAD}
_BY_HAND = {"Enter the id by hand": fields.TYPE_INSTEAD}
"""The other ways to fill the form in: a button's text and its action id."""


def _modal(form: Form, asked: Iterable[Block], ways: Mapping[str, str]) -> Block:
    return modal(
        "Delete routes",
        [*asked, _reason(form), *_channel(form), _ways(ways)],
        callback_id=fields.CALLBACK,
        metadata=fields.to_metadata(form),
        submit="Ask for approval",
    )


# --- chosen from what is there -------------------------------------------------------------


def _chosen(form: Form, seen: ConnectionRoutes | None) -> Iterator[Block]:
    initial = {"initial_option": option(form.region, form.region)} if form.region else {}
    region = _search(fields.PICK_REGION, "Such as cn-hangzhou", **initial)
    yield _input(fields.REGION, "Region", region, dispatch_action=True)
    if not form.region:
        return
    yield _connection(form, seen)
    if seen is None:
        return
    if problem := _obstacle(form, seen):
        yield section(f"{Symbol.LOOK} {prose(problem)}")
        return
    yield _about(seen)
    yield _routes(form, seen)
    if form.routes:
        yield from _impact(form, seen)


def _connection(form: Form, seen: ConnectionRoutes | None) -> Block:
    more: Block = {}
    if seen is not None:
        more["initial_option"] = connection_option(seen.connection)
    elif form.connection:
        more["initial_option"] = option(form.connection, form.connection)
    else:
        more["focus_on_load"] = True
    search = _search(fields.PICK_CONNECTION, "Search by name or id", **more)
    hint = {} if seen else {"hint": _text("Its state and its routes show up once it is chosen.")}
    name = block_id(fields.CONNECTION, form.region)
    return _input(name, "Connection", search, dispatch_action=True, **hint)


def _obstacle(form: Form, seen: ConnectionRoutes) -> str:
    """Why none of its routes can be deleted; else empty."""
    nothing = Draft(vpn_connection_id=form.connection, route_dests=(), region=form.region)
    try:
        resolve(nothing, seen.connection, seen.routes)
    except PreviewError as error:
        return f"{error.problem} {error.mend}"
    return "" if deletable(seen.routes) else "It has no routes that could be deleted here."


def _about(seen: ConnectionRoutes) -> Block:
    learned = sum(r.kind is RouteKind.BGP for r in seen.routes)
    more = f", and {learned} learned over BGP that can't be deleted here" if learned else ""
    has = f"{some(len(deletable(seen.routes)), 'route')}{more}"
    return context(f"*{literal(seen.connection.state)}* · {has}")


def _routes(form: Form, seen: ConnectionRoutes) -> Block:
    offered = deletable(seen.routes)
    many = len(offered) > MOST_OPTIONS
    element: Block = {
        "type": "multi_external_select" if many else "multi_static_select",
        "action_id": fields.PICK_ROUTES,
        "max_selected_items": MAX_CIDRS,
        "placeholder": _text(f"Search {len(offered)} routes" if many else "Choose one or more"),
    }
    if many:
        element["min_query_length"] = 0
        hint = {"hint": _text("By block, or by an address that the route covers.")}
    else:
        element["options"] = [route_option(live) for live in offered]
        hint = {}
    name = block_id(fields.ROUTES, form.region, form.connection)
    return _input(name, "Routes to delete", element, dispatch_action=True, **hint)


def _impact(form: Form, seen: ConnectionRoutes) -> Iterator[Block]:
    """What the card would say, word for word."""
    given = DeleteFormSubmitted(
        user="", region=form.region, connection=form.connection, routes=form.routes
    )
    try:
        draft = draft_of(given)
        shown = snapshot(draft, seen.connection, seen.listed, at=0.0)
    except UserError as error:
        yield section(f"{Symbol.LOOK} {prose(error.problem)}")
        return
    request = lifecycle.new_request(
        id="", draft=draft, snapshot=shown, requester="", channel="", at=0.0, terms=Terms()
    )
    yield {"type": "divider"}
    yield section(f"*{literal(first_line(request))}*")
    yield from without_tables(preview(request))
    yield {"type": "divider"}


# --- typed ---------------------------------------------------------------------------------


def _typed(form: Form, why: str) -> Iterator[Block]:
    if why:
        yield context(Symbol.LOOK, plain(f"{why} Please enter it by hand."))
    yield _input(
        fields.TYPED_REGION,
        "Region",
        _typing("Such as cn-hangzhou", form.region, fields.ID_LIMIT),
    )
    connection = _typing("vco-…", form.connection, fields.ID_LIMIT)
    yield _input(fields.TYPED_CONNECTION, "Connection", connection)
    hint = "Several with a space between. Weight and next hop are filled in from the live route."
    blocks = _typing(f"Such as {_EXAMPLE}", form.blocks, fields.BLOCKS_LIMIT)
    yield _input(fields.TYPED_ROUTES, "Routes to delete", blocks, hint=_text(hint))


# --- in either case ------------------------------------------------------------------------


def _reason(form: Form) -> Block:
    """Always there, so that there is a place to say that the form could not be stored."""
    why = _typing("leaking prod prefix, INC-4211", form.reason, fields.REASON_LIMIT)
    return _input(fields.REASON, "Reason", why, optional=True)


def _channel(form: Form) -> Iterator[Block]:
    """Where the card is to be, where neither a setting nor a command says it."""
    if not form.asking:
        return
    select = {
        "type": "conversations_select",
        "action_id": fields.TEXT,
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private"], "exclude_external_shared_channels": True},
    }
    hint = _text("One that the approvers read, and that I am in.")
    yield _input(fields.CHANNEL, "Channel for the card", select, hint=hint)


def _ways(ways: Mapping[str, str]) -> Block:
    elements = [button(label, action, "form") for label, action in ways.items()]
    return {"type": "actions", "block_id": fields.WAYS, "elements": elements}


def _input(name: str, label: str, element: Block, **more: object) -> Block:
    return {"type": "input", "block_id": name, "label": _text(label), "element": element, **more}


def _search(action_id: str, placeholder: str, **more: object) -> Block:
    return {
        "type": "external_select",
        "action_id": action_id,
        "placeholder": _text(placeholder),
        "min_query_length": 0,
        **more,
    }


def _typing(placeholder: str, initial: str, limit: int) -> Block:
    return {
        "type": "plain_text_input",
        "action_id": fields.TEXT,
        "placeholder": _text(placeholder),
        "max_length": limit,
        **({"initial_value": initial[:limit]} if initial else {}),
    }


def _text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
