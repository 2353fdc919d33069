"""A small Bolt app that uses all that Slack has for forms, to try the local Slack with.

Its form asks for a region, a connection that is searched for, and routes of that connection;
its Home tab lists requests with buttons; its command answers with buttons that one person sees.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import scene
from bot.sandbox.slack import LocalSlack
from bot.sandbox.slack.workspace import Json

SHORTCUT = "vco_route_delete"
CONNECTIONS = {
    "cn-hangzhou": {"vco-shanghai": "office-shanghai", "vco-beijing": "office-beijing"},
    "ap-southeast-1": {"vco-singapore": "office-singapore"},
}
ROUTES = [f"192.168.{n}.0/24" for n in range(12)]
TOO_MANY = "too many"
REQUESTS = ["r-1", "r-2", "r-3"]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(text: str, value: str, about: str = "") -> Json:
    described = {"description": plain(about)} if about else {}
    return {"text": plain(text), "value": value, **described}


def section(text: str, **more: object) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(text: str, action_id: str, value: str = "", **more: object) -> Json:
    return {"type": "button", "text": plain(text), "action_id": action_id, "value": value, **more}


def field(block_id: str, label: str, element: Json, **more: object) -> Json:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {"action_id": block_id.split("|", 1)[0], **element},
        **more,
    }


def form(connection: str = "", routes: tuple[str, ...] = ()) -> Json:
    """The form as far as it is filled in; its routes stand and fall with the connection."""
    search = {"type": "external_select", "min_query_length": 0}
    several = {"type": "multi_external_select", "min_query_length": 0, "max_selected_items": 3}
    here = {
        "type": "conversations_select",
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private"], "exclude_external_shared_channels": True},
    }
    reason = {"type": "plain_text_input", "max_length": 300, "placeholder": plain("INC-…")}
    leak, test, office = option("Leak", "leak"), option("Test", "test"), option("Office", "office")
    tags = {"type": "multi_static_select", "options": [leak, test, office]}
    risk = [option("It may interrupt traffic", "traffic", "Somebody will call")]
    impact = [section(f"*If they go:* {', '.join(routes)}")] if routes else []
    chosen = [
        field(f"routes|{connection}", "Routes", several, dispatch_action=True),
        *impact,
    ]
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain("Delete a route"),
        "submit": plain("Ask for approval"),
        "blocks": [
            section("The card goes to the channel, somebody else approves it."),
            field("region", "Region", search, dispatch_action=True),
            field("connection", "Connection", search, dispatch_action=True),
            *(chosen if connection else []),
            field("reason", "Reason", reason, hint=plain("It stands on the card.")),
            field("tags", "Tags", tags, optional=True),
            field("channel", "Channel", here),
            field("risk", "Risk", {"type": "radio_buttons", "options": risk}, optional=True),
            {"type": "actions", "elements": [button("What is this?", "explain")]},
        ],
    }


def home(done: tuple[str, ...] = ()) -> Json:
    """The Home tab: a card for each request that is open."""
    blocks: list[Json] = [{"type": "header", "text": plain("Waiting for you")}]
    still = [request for request in REQUESTS if request not in done]
    for request in still:
        approve = button("Approve", "home_approve", request, style="primary")
        reject = button("Reject", "home_reject", request, style="danger")
        blocks += [
            section(
                f"*Delete 192.168.10.0/24 from office-shanghai* · `{request}`\nAsked by @alice"
            ),
            {"type": "actions", "elements": [approve, reject]},
            {"type": "divider"},
        ]
    words = f"{len(still)} open · ▰▰▰▱▱▱"
    note = {"type": "context", "elements": [{"type": "mrkdwn", "text": words}]}
    return {"type": "home", "blocks": [*blocks, note]}


def values_of(view: Json) -> dict[str, Json]:
    """What stands in a form, by action_id."""
    held: dict[str, dict[str, Json]] = view["state"]["values"]
    return {action_id: value for block in held.values() for action_id, value in block.items()}


def sample_app(slack: LocalSlack) -> AsyncApp:
    client = AsyncWebClient(scene.BOT_TOKEN, base_url=slack.api_url)
    app = AsyncApp(client=client, signing_secret=scene.SIGNING_SECRET)
    for part in (_searches, _changes, _sending, _home_tab, _private_buttons):
        part(app)
    return app


def _searches(app: AsyncApp) -> None:
    @app.options("connection")
    async def connections(ack: AsyncAck, payload: Json) -> None:
        wanted = payload["value"].lower()
        if wanted == TOO_MANY:
            await ack(options=[option(str(n), str(n)) for n in range(101)])
            return
        known = {vco: name for each in CONNECTIONS.values() for vco, name in each.items()}
        found = {vco: name for vco, name in known.items() if wanted in name}
        await ack(options=[option(n, vco, f"{vco} · attached") for vco, n in found.items()])

    @app.options("region")
    async def regions(ack: AsyncAck, payload: Json) -> None:
        found = [name for name in CONNECTIONS if payload["value"] in name]
        await ack(options=[option(name, name) for name in found])

    @app.options("routes")
    async def routes(ack: AsyncAck, payload: Json) -> None:
        about = payload["block_id"].partition("|")[2]
        found = [dest for dest in ROUTES if payload["value"] in dest]
        await ack(options=[option(dest, f"{about} {dest}", "weight 100") for dest in found])


def _changes(app: AsyncApp) -> None:
    @app.shortcut(SHORTCUT)
    async def open_form(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=form())

    async def changed(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        held = values_of(body["view"])
        connection = (held["connection"]["selected_option"] or {}).get("value", "")
        below = body["view"]["state"]["values"].get(f"routes|{connection}", {})
        several = below.get("routes", {}).get("selected_options", [])
        view = form(connection, tuple(one["text"]["text"] for one in several))
        known = {"view_id": body["view"]["id"], "hash": body["view"]["hash"]}
        # Of two changes at once the later one sees more: a conflict is no loss.
        with suppress(SlackApiError):
            await client.views_update(view=view, **known)

    for action_id in ("region", "connection", "routes"):
        app.action(action_id)(changed)

    @app.action("explain")
    async def explain(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        text = section("A route is deleted once, and proven gone.")
        view = {"type": "modal", "title": plain("What is this?"), "blocks": [text]}
        await client.views_open(trigger_id=body["trigger_id"], view=view)


def _sending(app: AsyncApp) -> None:
    @app.view("form")
    async def sent(ack: AsyncAck, view: Json, client: AsyncWebClient) -> None:
        held = values_of(view)
        if held["reason"]["value"] == "no":
            await ack(response_action="errors", errors={"reason": "Say more."})
            return
        await ack()
        names = [one["text"]["text"] for one in held["routes"]["selected_options"]]
        text = f"Delete {', '.join(names)}: {held['reason']['value']}"
        await client.chat_postMessage(channel=held["channel"]["selected_conversation"], text=text)


def _home_tab(app: AsyncApp) -> None:
    done: list[str] = []

    @app.event("app_home_opened")
    async def opened(event: Json, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view=home(tuple(done)))

    async def decided(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        done.append(body["actions"][0]["value"])
        await client.views_publish(user_id=body["user"]["id"], view=home(tuple(done)))

    app.action("home_approve")(decided)
    app.action("home_reject")(decided)


def _private_buttons(app: AsyncApp) -> None:
    @app.command("/vco-route")
    async def which(ack: AsyncAck) -> None:
        both = [button("weight 0", "pick_0", "0"), button("weight 100", "pick_100", "100")]
        blocks = [section("Which one?"), {"type": "actions", "elements": both}]
        await ack(text="Which one?", blocks=blocks)

    @app.action(re.compile("pick_"))
    async def picked(ack: AsyncAck, respond: AsyncRespond, body: Json) -> None:
        await ack()
        weight = body["actions"][0]["value"]
        await respond(replace_original=True, text=f"Asked for weight {weight}.")


@asynccontextmanager
async def serving(slack: LocalSlack) -> AsyncIterator[None]:
    """The app, where the local Slack delivers to."""
    app = sample_app(slack)

    async def events(request: web.Request) -> web.Response:
        answer: Any = await app.async_dispatch(await to_bolt_request(request))
        return await to_aiohttp_response(answer)

    server = web.Application()
    server.router.add_post("/slack/events", events)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.deliver_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    try:
        yield
    finally:
        await runner.cleanup()
