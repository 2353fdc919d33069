"""The form for a deletion: where, which routes, why; and what traffic would do then. Pure."""

from collections.abc import Iterator
from typing import Any

from bot import lifecycle
from bot.command import MAX_CIDRS
from bot.errors import PreviewError, UserError
from bot.models import Draft, RouteKind, Terms
from bot.preview.resolve import resolve
from bot.preview.snapshot import snapshot
from bot.slack.forms import fields
from bot.slack.forms.checks import draft_of
from bot.slack.forms.fields import DeleteFormSubmitted, Form, block_id
from bot.slack.forms.lookup import ConnectionRoutes
from bot.slack.messages.card import first_line
from bot.slack.messages.options import (
    MOST_OPTIONS,
    connection_option,
    deletable,
    option,
    route_option,
)
from bot.slack.messages.pending import preview
from bot.slack.messages.texts import Block, button, context, literal, plain, prose, section

_EXAMPLE = "192.168.10.0/24"


def delete_form(form: Form, seen: ConnectionRoutes | None = None, *, why: str = "") -> Block:
    """The modal as it should look now.

    `seen`: the connection that was chosen, with its routes. `why`: what could not be looked up,
    so that it is typed.
    """
    asked = _typed(form, why) if form.typing else _chosen(form, seen)
    return {
        "type": "modal",
        "callback_id": fields.CALLBACK,
        "private_metadata": fields.to_metadata(form),
        "title": {"type": "plain_text", "text": "Delete routes"},
        "submit": {"type": "plain_text", "text": "Ask for approval"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [*asked, _reason(), *_channel(form), _ways(form)],
    }


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
        yield section(f":warning: {prose(problem)}")
        return
    yield _about(seen)
    yield _routes(form, seen)
    if form.routes:
        yield from _impact(form, seen)


def _connection(form: Form, seen: ConnectionRoutes | None) -> Block:
    more: dict[str, Any] = {}
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
    count = len(deletable(seen.routes))
    learned = sum(r.kind is RouteKind.BGP for r in seen.routes)
    more = f", and {learned} learned over BGP that can't be deleted here" if learned else ""
    has = f"{count} route{'' if count == 1 else 's'}{more}"
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
        yield section(f":warning: {prose(error.problem)}")
        return
    request = lifecycle.new_request(
        id="", draft=draft, snapshot=shown, requester="", channel="", at=0.0, terms=Terms()
    )
    yield {"type": "divider"}
    yield section(f"*{literal(first_line(request))}*")
    yield from preview(request)
    yield {"type": "divider"}


# --- typed ---------------------------------------------------------------------------------


def _typed(form: Form, why: str) -> Iterator[Block]:
    if why:
        yield context(":warning:", plain(f"{why} Please type it instead."))
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


def _reason() -> Block:
    """Always there, so that there is a place to say that the form could not be stored."""
    why = _typing("leaking prod prefix, INC-4211", "", fields.REASON_LIMIT)
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


def _ways(form: Form) -> Block:
    label, action = (
        ("Search instead", fields.LOOK_INSTEAD)
        if form.typing
        else (
            "Type it instead",
            fields.TYPE_INSTEAD,
        )
    )
    elements = [button(label, action, "form")]
    return {"type": "actions", "block_id": fields.WAYS, "elements": elements}


def _input(name: str, label: str, element: Block, **more: Any) -> Block:  # noqa: ANN401 - JSON
    return {"type": "input", "block_id": name, "label": _text(label), "element": element, **more}


def _search(action_id: str, placeholder: str, **more: Any) -> Block:  # noqa: ANN401 - JSON
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
