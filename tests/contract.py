"""Slack itself as the judge: every message, form and page that there is, and the granted scopes.

`make contract SLACK_BOT_TOKEN=xoxb-…`. Nothing is posted: `blocks.validate` only looks, and
needs no scope. Without a token nothing is run, and that is said.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from golden_messages import Golden, golden
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

MANIFEST = Path(__file__).parent.parent / "manifest.yml"

TRIES = 5
LONGEST_PAUSE = 60.0
"""How often a call is tried that Slack limits, and for how many seconds it waits at most."""

NOT_RUN = "contract: not run, there is no SLACK_BOT_TOKEN: make contract SLACK_BOT_TOKEN=xoxb-…"


async def examine(token: str, api_url: str, shown: Iterable[Golden]) -> int:
    """Have it all judged; prints a line for each fault. Returns the exit status."""
    client = AsyncWebClient(token=token, base_url=api_url, timeout=10, retry_handlers=[])
    count, faults = 0, 0
    try:
        faults += _told(await _scopes(client))
        for one in shown:
            count += 1
            faults += _told(await _judged(client, one))
    except (SlackApiError, SlackClientError, OSError, TimeoutError) as error:
        _say(f"contract: Slack does not answer: {_why(error)}")
        return 1
    _say(f"contract: {count} messages, forms and pages looked at, {faults} faults")
    return 1 if faults else 0


async def _scopes(client: AsyncWebClient) -> list[str]:
    """What the token's scopes and the manifest's have against each other."""
    answer = await _call(client, "auth.test", {})
    headers = {name.lower(): value for name, value in answer.headers.items()}
    granted = {scope for scope in headers.get("x-oauth-scopes", "").split(",") if scope}
    wanted = set(yaml.safe_load(MANIFEST.read_text())["oauth_config"]["scopes"]["bot"])
    return [
        *(f"scope {scope}: in manifest.yml, and not granted" for scope in sorted(wanted - granted)),
        *(f"scope {scope}: granted, and not in manifest.yml" for scope in sorted(granted - wanted)),
    ]


async def _judged(client: AsyncWebClient, one: Golden) -> list[str]:
    """What Slack has against a message or a view."""
    try:
        await _call(client, "blocks.validate", {one.kind: json.dumps(one.shown)})
    except SlackApiError as error:
        found = error.response.get("errors")
        errors = found if isinstance(found, list) and found else [{}]
        return [f"{one.name}: {_why(error)}{_where(each)}" for each in errors]
    return []


async def _call(client: AsyncWebClient, method: str, arguments: Mapping[str, str]):  # type: ignore[no-untyped-def] # noqa: ANN202 - slack_sdk's own
    for tries in range(TRIES):
        try:
            return await client.api_call(method, data=dict(arguments))
        except SlackApiError as error:
            pause = float(error.response.headers.get("Retry-After", 0) or 0)
            if error.response.status_code != 429 or tries == TRIES - 1:
                raise
            await asyncio.sleep(min(pause, LONGEST_PAUSE))
    raise AssertionError("it returns or raises")


def _say(line: str) -> None:
    print(line)  # noqa: T201 - the command's output


def _where(error: object) -> str:
    if not isinstance(error, Mapping) or not error:
        return ""
    return f": {error.get('message', error.get('code', ''))} at {error.get('pointer', '?')}"


def _why(error: Exception) -> str:
    return str(error.response.get("error")) if isinstance(error, SlackApiError) else repr(error)


def _told(lines: list[str]) -> int:
    for line in lines:
        _say(f"contract: {line}")
    return len(lines)


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run it, with what the environment says."""
    token = environ.get("SLACK_BOT_TOKEN", "")
    if not token:
        _say(NOT_RUN)
        return 0
    return asyncio.run(
        examine(token, environ.get("SLACK_API_URL") or AsyncWebClient.BASE_URL, golden())
    )


if __name__ == "__main__":
    sys.exit(main())
