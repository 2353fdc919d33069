"""What a call says: its arguments read as Slack reads them, its message or view judged."""

import json
import re

import msgspec
from aiohttp import web

from bot.sandbox.slack.blocks import problems_in_blocks, problems_in_view
from bot.sandbox.slack.messages import text_of, with_ids
from bot.sandbox.slack.workspace import Json

MAX_BODY = 1024 * 1024


class Refusal(Exception):
    """`{"ok": false, "error": code}`, with the words for `response_metadata.messages`."""

    def __init__(self, code: str, *messages: str, **fields: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.fields = fields

    def body(self) -> Json:
        """The answer's JSON."""
        body: Json = {"ok": False, "error": self.code, **self.fields}
        if self.messages:
            body["response_metadata"] = {"messages": list(self.messages)}
        return body


class Arguments:
    """Arguments by name. A form carries everything as text, so each reader converts."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def text(self, name: str) -> str:
        """A text, empty where it is not given."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Refusal("invalid_arguments", f"[ERROR] must provide a string: {name}")
        return value

    def required(self, name: str) -> str:
        """A text that must be given."""
        value = self.text(name)
        if not value:
            raise Refusal("invalid_arguments", f"[ERROR] missing required field: {name}")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false where it is not given."""
        return self.values.get(name) in (True, 1, "1", "true", "True")

    def number(self, name: str, default: int) -> int:
        """A whole number that is not negative."""
        value = self.values.get(name, default)
        try:
            return max(0, int(value))
        except (TypeError, ValueError):
            raise Refusal("invalid_limit" if name == "limit" else "invalid_arguments") from None

    def structure(self, name: str, bad: str) -> object:
        """JSON, inline or as text; None where it is not given, `bad` where it is no JSON."""
        value: object = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise Refusal(bad) from None


async def read_arguments(request: web.Request, *, form_only: bool = False) -> tuple[Arguments, str]:
    """The arguments of a call, and its token (empty without one), which they do not keep.

    `form_only`: JSON is not looked into, as if it was not there.
    """
    values: Json = dict(request.query)
    overlooked = form_only and request.content_type == "application/json"
    if request.method == "POST" and not overlooked:
        values |= await _body(request)
    given = values.pop("token", "")
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return Arguments(values), bearer.strip() if scheme.lower() == "bearer" else str(given)


async def _body(request: web.Request) -> Json:
    if request.content_type == "application/json":
        try:
            value = json.loads(await request.text())
        except ValueError:
            raise Refusal("invalid_json") from None
        if not isinstance(value, dict):
            raise Refusal("json_not_object")
        return value
    if request.content_type == "application/x-www-form-urlencoded":
        return dict(await request.post())
    if not request.can_read_body:
        return {}
    raise Refusal("invalid_post_type")


MOST_TEXT = 40_000
_EVENT_TYPE = re.compile(r"[A-Za-z0-9_]+")
MOST_VIEW = 250 * 1024
# Nowhere documented, but Slack refuses more in all blocks together (slackapi/bolt-js#2509).
MOST_BLOCKS_TEXT = 13_200


class Content(msgspec.Struct, kw_only=True):
    """Valid content. None stands for "not given", which an edit takes as "as before"."""

    text: str | None
    blocks: list[Json] | None
    metadata: Json | None
    warning: Json = {}


def read_content(args: Arguments, *, most_text: int | None = None) -> Content:
    """The content, or the Refusal that Slack answers with.

    Text beyond `most_text` is refused; where there is no such limit, what is far too long is cut,
    and the answer warns of it.
    """
    text = args.text("text") if args.values.get("text") is not None else None
    if text is not None and most_text is not None and len(text) > most_text:
        raise Refusal("msg_too_long")
    warning: Json = {}
    if text is not None and len(text) > MOST_TEXT:
        text, warning = text[:MOST_TEXT], {"warning": "message_truncated"}
    blocks = _blocks(args)
    if "attachments" in args.values:
        raise Refusal("invalid_attachments", "[ERROR] the local Slack knows no attachments")
    if not (text or blocks):
        raise Refusal("no_text")
    return Content(
        text=text,
        blocks=blocks,
        metadata=_metadata(args),
        warning=warning,
    )


def _blocks(args: Arguments) -> list[Json] | None:
    blocks = args.structure("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        raise Refusal("invalid_blocks_format")
    problems = problems_in_blocks(blocks)
    if problems:
        raise Refusal("invalid_blocks", *problems)
    if len(text_of({"blocks": blocks})) > MOST_BLOCKS_TEXT:
        raise Refusal("msg_blocks_too_long")
    return with_ids(blocks)


def _metadata(args: Arguments) -> Json | None:
    metadata = args.structure("metadata", "invalid_metadata_format")
    if metadata is None or metadata == {}:
        return metadata
    good = (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )
    if not good or not isinstance(metadata, dict):
        raise Refusal("invalid_metadata_format")
    # Slack drops what it does not like the name of, without a word (slackapi/bolt-python#863).
    return metadata if _EVENT_TYPE.fullmatch(metadata["event_type"]) else {}


def checked_view(view: object, kind: str) -> Json:
    """A view of this kind (`modal`, `home`), or the Refusal that Slack answers with."""
    problems = problems_in_view(view)
    if problems or not isinstance(view, dict):
        raise Refusal("invalid_arguments", *problems)
    if view["type"] != kind:
        raise Refusal("invalid_arguments", f"[ERROR] must be a {kind} [json-pointer:/view/type]")
    if len(msgspec.json.encode(view)) > MOST_VIEW:
        raise Refusal("view_too_large")
    return view
