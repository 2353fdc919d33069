"""What a message says, read from arguments or from the JSON of an answer, and judged."""

import re

import msgspec

from bot.sandbox.slack.arguments import Arguments, Refusal
from bot.sandbox.slack.blocks import problems_in_blocks, problems_in_view
from bot.sandbox.slack.messages import text_of, with_ids
from bot.sandbox.slack.workspace import Json

MOST_TEXT = 40_000
_EVENT_TYPE = re.compile(r"[A-Za-z0-9_]+")
MOST_VIEW = 250 * 1024
# Nowhere documented, but Slack refuses more in all blocks together (slackapi/bolt-js#2509).
MOST_BLOCKS_TEXT = 13_200


class Content(msgspec.Struct, kw_only=True):
    """Valid content. None stands for "not given", which an edit takes as "as before"."""

    text: str | None
    blocks: list[Json] | None
    attachments: list[Json] | None
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
    attachments = args.structure("attachments", "invalid_attachments")
    if attachments is not None and not isinstance(attachments, list):
        raise Refusal("invalid_attachments")
    if not (text or blocks or attachments):
        raise Refusal("no_text")
    return Content(
        text=text,
        blocks=blocks,
        attachments=attachments,
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
