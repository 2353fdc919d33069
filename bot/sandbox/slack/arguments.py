"""The arguments of a Web API call, from a form, a query or JSON, read as Slack reads them."""

import json

from aiohttp import web

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
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return dict(await request.post())
    if not request.can_read_body:
        return {}
    raise Refusal("invalid_post_type")
