"""G7: what somebody else wrote stays in its place: it links nowhere, formats nothing, pings nobody.

Every message is built twice, with plain words and with hostile ones, and what Slack would interpret
has to be the same: marks, links, line ends, emoji. Only the words may differ.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from builders import REFUSED, a_route, a_snapshot, in_state, live
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from reading import objects

from bot.errors import PreviewError
from bot.history import Found
from bot.models import (
    Connection,
    Event,
    EventKind,
    Impact,
    LiveRoute,
    People,
    Request,
    RequestState,
    RouteList,
    Terms,
    Tunnel,
)
from bot.slack.forms.fields import Form, route_value
from bot.slack.forms.lookup import ConnectionRoutes
from bot.slack.forms.view import delete_form
from bot.slack.messages import listing, replies
from bot.slack.messages.app_home import view
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.concerns import AppHomeData
from bot.slack.messages.decision_forms import approve_form
from bot.slack.messages.history import HistoryFound, history
from bot.slack.messages.mrkdwn import code, literal, paragraphs, prose, visible
from bot.slack.messages.receipt import receipt
from bot.slack.messages.replies import Row, choices, late, problem
from bot.slack.messages.table import without_tables
from bot.slack.messages.timeline import line
from bot.store import CardState, Stored

TOLD = CardState(link="https://acme.slack.com/archives/C0NETOPS/p1")
PLAIN = "word"

hostile = st.text(
    alphabet=st.sampled_from("*_~`<>|&!@#:/\n\r\t .ab-\u202e\u200b\u2066\u2028\ufeff\x00"),
    min_size=1,
    max_size=12,
).map(lambda text: f"x{text}x")
"""In the middle of something: whoever writes nothing but a blank is left out elsewhere."""

NASTY = [
    "x <!channel> <@U0GINA> <!subteam^S0NETOPS> x",
    "x <https://evil.example|the console> https://evil.example evil.example x",
    "x *Approved* _by_ ~nobody~ `me` x",
    "x :white_check_mark: x",
    "x\n*Approved by <@U0BOB>*\n> x",
    "x \u202eevorppA\u202c \u200bx",
    "x ```\nblock\n``` x",
]


def connection(word: str) -> Connection:
    """One whose every word comes from elsewhere."""
    tunnel = Tunnel(id=word, status=word, up=True, bgp_status=word, bgp_up=True)
    return Connection(
        vpn_connection_id="vco-p0w5112f",
        region="cn-hangzhou",
        state=word,
        name=word,
        tunnels=(tunnel,),
    )


def listed(word: str) -> LiveRoute:
    """A route whose next hop, state and description come from elsewhere."""
    return live(replace(a_route(), next_hop=word), state=word, description=word)


def requests(word: str) -> Iterator[Request]:
    """A request in each state, with this word wherever somebody else's can be."""
    sentence = word.replace("`", "")  # of a sentence, code is formatted: see `prose`
    target = listed(word)
    impact = Impact(
        route=target.route,
        carries=(target.route.route_dest,),
        takers=(target,),
        inside=(target,),
        not_restorable=sentence,
    )
    seen = a_snapshot(target.route)
    seen = replace(seen, connection=connection(word), targets=(target,), impacts=(impact,))
    terms = Terms(approvers=People(groups=("S0NETOPS",)), rule=word, typed=word)
    for state in RequestState:
        request = in_state(state, target.route, snapshot=seen, reason=word, terms=terms)
        if state is RequestState.FAILED:
            refused = replace(
                REFUSED, meaning=sentence, next_step=sentence, code=word, alibaba_request_id=word
            )
            change = replace(request.routes[0], failure=refused, alibaba_request_id=word)
            request = replace(request, routes=(change,))
        watch = replace(request.routes[0].watch, state=word, polls=3)
        routes = tuple(replace(change, watch=watch) for change in request.routes)
        yield replace(request, why=sentence, routes=routes, overlay_mode=word, origin=word)


def many(word: str) -> Iterator[Request]:
    """Requests about four routes, of which as much comes from elsewhere."""
    first = listed(word)
    targets = [
        replace(first, route=replace(first.route, route_dest=f"10.{n}.0.0/24")) for n in range(4)
    ]
    impacts = [
        Impact(
            route=t.route,
            carries=(t.route.route_dest,),
            takers=(t,),
            not_restorable=word.replace("`", ""),
        )
        for t in targets
    ]
    routes = [t.route for t in targets]
    seen = a_snapshot(*routes, targets=tuple(targets), impacts=tuple(impacts))
    for state in (RequestState.PENDING, RequestState.EXECUTING, RequestState.DELETED):
        yield in_state(state, *routes, snapshot=seen)


def events(word: str) -> Iterator[Event]:
    """An event of each kind, with this word in each of its details."""
    sentence = word.replace("`", "")
    names = ("reason", "what", "changed", "attempt", "meaning", "code", "degraded", "unanswered")
    details = dict.fromkeys(names, sentence) | {"alibaba_request_id": word, "known": "yes"}
    for kind in EventKind:
        by = "" if kind is EventKind.ENDED else "U0BOB"
        yield Event(kind=kind, at=1100.0, by=by, route=listed(word).route, details=details)


def messages(word: str) -> Iterator[tuple[str, Any]]:
    """All messages, forms and pages that show what somebody else wrote, by their names."""
    sentence = word.replace("`", "")
    seen = connection(word)
    for count in range(3):
        several = RouteList(routes=(listed(word),) * count)
        yield f"list of {count}", listing.routes(seen, several)
    yield "list of what can't be changed", paragraphs(listing.no_routes(seen, sentence))
    yield "problem", paragraphs(problem(PreviewError(sentence, sentence, choices=(word,))))
    yield "choices", choices(PreviewError(sentence, sentence, choices=(word,)))
    rows = []
    for request in requests(word):
        state = request.state
        rows.append(Row(request, TOLD))
        yield f"card {state}", card(request, View(now=1200.0))
        yield f"receipt {state}", receipt(Stored(request, rev=1, audit="1 abc"), TOLD)
        yield f"late click {state}", paragraphs(late(request, "U0EVE"))
        yield f"already open {state}", paragraphs(replies.already_open(request, TOLD))
        yield f"history {state}", history(HistoryFound(((Found(request), TOLD),)), None)
        if state is RequestState.PENDING:
            yield "approve form", approve_form(request)
            clicked = replace(request, terms=replace(request.terms, typed=""))
            yield "card with a confirm", card(clicked, View(now=1200.0))
        if state in (RequestState.FAILED, RequestState.DELETED):
            for event in events(word):
                yield f"line {event.kind} {state}", line(request, event)
    yield "history of all", history(HistoryFound([(Found(r.request), TOLD) for r in rows]), None)
    for request in many(word):
        yield f"card of many {request.state}", card(request, View(now=1200.0))
    yield "status", paragraphs(replies.status(rows, [word]))
    board = AppHomeData(tuple(rows), {"S0NETOPS": ("U0BOB",)}, (word,))
    for user in ("U0BOB", "U0ALICE"):
        yield f"home {user}", view(board, user)
    form = Form(
        region="cn-hangzhou",
        connection="vco-p0w5112f",
        routes=(route_value(a_route()),),
    )
    yield (
        "form",
        delete_form(form, ConnectionRoutes(seen, RouteList(routes=(live(a_route(), state=word),)))),
    )


def interpreted(message: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """The skeleton of each text that Slack interprets: what is left when the words are gone."""
    texts = []
    for one in objects(list(message) if isinstance(message, tuple) else message):
        if one.get("type") == "mrkdwn":
            assert one["verbatim"] is True
            texts.append(one["text"])
        elif one.get("type") in ("plain_text", "raw_text"):
            assert visible(one["text"]) == one["text"]
    fallback = [message[0]] if isinstance(message, tuple) else []
    return [skeleton(text) for text in [*texts, *fallback]]


def skeleton(text: str) -> str:
    """Marks, links, pings, emoji and line ends, in their order."""
    text = re.sub("`[^`\n]*`", "`", text)
    # A link's words may be somebody's; where it leads to may not.
    text = re.sub(r"<(https?:[^<>|]*)\|[^<>\n]*>", r"<\1>", text)
    return "".join(
        re.findall(
            r"[*~`\n]|<[^<>]*>|[<>]|(?<![^\W_])_|_(?![^\W_])|:[a-z0-9_+'-]*[g-z_+-]\w*:", text
        )
    )


def shown(word: str) -> Iterator[tuple[str, Any]]:
    """The same, and those with a table also as they are without."""
    for name, message in messages(word):
        yield name, message
        if isinstance(message, tuple):
            yield f"{name}, without tables", without_tables(message[1])


BENIGN = {name: interpreted(message) for name, message in shown(PLAIN)}


@given(hostile)
@example(NASTY[0])
@example(NASTY[1])
@example(NASTY[2])
@example(NASTY[3])
@example(NASTY[4])
@example(NASTY[5])
@example(NASTY[6])
def test_no_message_is_interpreted_otherwise_for_what_somebody_wrote(word: str) -> None:
    for name, message in shown(word):
        assert interpreted(message) == BENIGN[name], name


def test_the_skeleton_is_of_something() -> None:
    assert len(BENIGN) > 80
    assert any("<@U0BOB>" in text for texts in BENIGN.values() for text in texts)
    assert skeleton("a *b* _c_ d_e `x*y` <@U1> :boom: fd00:1::2\n") == "**__`<@U1>:boom:\n"


@pytest.mark.parametrize(
    ("text", "as_literal", "as_code", "as_prose"),
    [
        ("office_shanghai-1", "office_shanghai-1", "`office_shanghai-1`", "office_shanghai-1"),
        ("fd00:db8::/48", "fd00:db8::/48", "`fd00:db8::/48`", "fd00:db8::/48"),
        ("a & b", "a &amp; b", "`a &amp; b`", "a &amp; b"),
        ("*b*", "\u2217b\u2217", "`*b*`", "\u2217b\u2217"),
        ("_b_", "\uff3fb\uff3f", "`_b_`", "\uff3fb\uff3f"),
        (
            "say `x*y` *b*",
            "say \u02cbx\u2217y\u02cb \u2217b\u2217",
            "`say \u02cbx*y\u02cb *b*`",
            "say `x*y` \u2217b\u2217",
        ),
        ("one ` only", "one \u02cb only", "`one \u02cb only`", "one \u02cb only"),
        ("a\n b\u202ec", "a b\ufffdc", "`a b\ufffdc`", "a b\ufffdc"),
        (":boom:", "\u2236boom:", "`:boom:`", "\u2236boom:"),
        (" ", " ", "(nothing)", " "),
    ],
)
def test_words_are_shown_as_they_are(
    text: str, as_literal: str, as_code: str, as_prose: str
) -> None:
    assert (literal(text), code(text), prose(text)) == (as_literal, as_code, as_prose)


def test_joiners_of_words_and_of_emoji_stay() -> None:
    assert visible("\u0645\u06cc\u200c\u062e 👩\u200d🔧") == "\u0645\u06cc\u200c\u062e 👩\u200d🔧"


def test_a_long_answer_is_shown_whole_in_several_blocks() -> None:
    text = "\n".join(f"• line {number} " + "x" * 90 for number in range(100))
    shown = [block["text"]["text"] for block in paragraphs(text)]
    assert "\n".join(shown) == text
    assert max(map(len, shown)) <= 3000
