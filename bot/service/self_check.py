"""Do we hear what comes to PORT? Asked by a request of our own, signed as Slack signs.

Where a bot listens there already, it is that one that is asked; else we listen for a moment.
"""

import secrets
from collections.abc import Mapping

import aiohttp
import msgspec

from bot.errors import SettingsError
from bot.service.app import App
from bot.service.http import EVENTS_PATH
from bot.service.run import listening
from bot.slack.verification import signed
from bot.store.health import OK

_SECONDS = aiohttp.ClientTimeout(total=5.0)
_EVERYWHERE: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with
_FOUND, _UNAUTHORIZED, _STARTING = 200, 401, 503


async def round_trip(app: App) -> str:
    """`ok` where our own request was heard, else what became of it."""
    try:
        return await _asked(app)
    except aiohttp.ClientConnectorError:
        pass  # nobody listens there yet
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"what listens on {_address(app)} does not answer ({type(error).__name__})"
    try:
        async with listening(app):
            return await _asked(app)
    except SettingsError as error:
        return str(error)
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"{_address(app)} does not answer ({type(error).__name__})"


async def _asked(app: App) -> str:
    secret = app.settings.slack_signing_secret
    async with aiohttp.ClientSession(timeout=_SECONDS, trust_env=False) as session:
        if app.settings.socket_mode or secret is None:
            async with session.get(f"{_address(app)}/healthz") as answer:
                healthy = answer.status == _FOUND
                return OK if healthy else f"something else listens on {_address(app)}"
        challenge = secrets.token_hex(8)
        body = msgspec.json.encode({"type": "url_verification", "challenge": challenge})
        headers = {"Content-Type": "application/json", **signed(secret, body)}
        address = f"{_address(app)}{EVENTS_PATH}"
        async with session.post(address, data=body, headers=headers) as answer:
            return _judged(answer.status, await answer.content.read(4096), challenge)


def _judged(status: int, answer: bytes, challenge: str) -> str:
    if status == _FOUND and challenge.encode() in answer:
        return OK
    if status == _UNAUTHORIZED:
        return "the bot that listens there has another SLACK_SIGNING_SECRET, or another clock"
    if status == _STARTING:
        return "the bot that listens there has not finished starting"
    return f"what listens there is not this bot over HTTP (status {status})"


def _address(app: App) -> str:
    host = _EVERYWHERE.get(app.settings.host, app.settings.host)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{app.settings.port}"
