"""Can the bot talk to Slack, with no more rights than it needs, in a channel that is its own?"""

from bot.cli.checks.finding import Finding, failure, ok, warning
from bot.errors import SlackError, SlackTokenRefused
from bot.models import Place
from bot.slack.directory import SlackDirectory
from bot.slack.web import SCOPES
from bot.store.health import OK

_TWICE = "a message may come twice"

OPTIONAL = {
    "channels:history": _TWICE,
    "groups:history": _TWICE,
    "im:write": "approvers get no direct message",
}
"""What is so without each of them; nothing else is lost."""

_PLACE = "HOST, PORT: "

_AGAIN = "install the app again from manifest.yml (OAuth & Permissions → Reinstall)"


async def token(directory: SlackDirectory) -> Finding:
    """Whether Slack knows SLACK_BOT_TOKEN, and as whom."""
    try:
        found = await directory.identify()
    except SlackTokenRefused as error:
        mend = "copy the Bot User OAuth Token (OAuth & Permissions) into SLACK_BOT_TOKEN again"
        return failure("slack token", f"Slack refuses SLACK_BOT_TOKEN ({error.code})", mend)
    except SlackError as error:
        mend = "look at the way to slack.com: DNS, firewall, HTTPS_PROXY, SLACK_API_URL"
        return failure("slack token", f"Slack does not answer ({error})", mend)
    return ok("slack token", f"user {found.user_id} of workspace {found.team_id}")


def scopes(granted: frozenset[str] | None) -> Finding:
    """Whether the token has each scope of the manifest and no other."""
    if granted is None:
        return ok("slack scopes", "not told: Slack has sent no list of scopes")
    if missing := SCOPES - granted - OPTIONAL.keys():
        return failure("slack scopes", f"the token lacks {_listed(missing)}", _AGAIN)
    if surplus := granted - SCOPES:
        mend = f"remove what is not in manifest.yml, then {_AGAIN}"
        return warning("slack scopes", f"the token has more than needed: {_listed(surplus)}", mend)
    if missing := SCOPES - granted:
        so = dict.fromkeys(OPTIONAL[scope] for scope in sorted(missing))
        found = f"the token lacks {_listed(missing)}: {', '.join(so)}"
        return warning("slack scopes", found, f"leave it so, or {_AGAIN}")
    return ok("slack scopes", f"those of the manifest, {len(granted)}")


def socket(word: str) -> Finding:
    """Whether a websocket could be opened with SLACK_APP_TOKEN."""
    if word == OK:
        return ok("slack socket", "opened with SLACK_APP_TOKEN, and closed again")
    mend = "look at the way to Slack for websockets: firewall, HTTPS_PROXY"
    if "SLACK_APP_TOKEN" in word:
        mend = "Basic Information → App-Level Tokens, scope connections:write"
    elif "turned off" in word:
        mend = "turn Socket Mode on in the app's settings, or unset SLACK_APP_TOKEN to use HTTP"
    elif "ten websockets" in word:
        mend = "run at most five replicas"
    return failure("slack socket", word, mend)


def route(word: str, *, socket_mode: bool) -> Finding:
    """Whether a request of ours, signed as Slack's are, was answered; or, in Socket Mode, PORT."""
    if socket_mode:
        check, found = "http port", "it can be listened on, or the bot listens there"
        mend = "choose another PORT"
    else:
        check, found = "slack route", "a signed request was answered; set the Request URLs to it"
        mend = "give all replicas one SLACK_SIGNING_SECRET, and choose a PORT that is free"
    if word == OK:
        return ok(check, found)
    if word.startswith(_PLACE):
        # Nobody can listen there: no secret is to blame.
        word, mend = word.removeprefix(_PLACE).partition("; ")[0], "choose another HOST or PORT"
    return failure(check, word, mend)


def channel(name: str, place: Place | None) -> Finding:
    """Whether the cards can be posted there, where nobody from outside reads along."""
    check = f"channel {name}"
    invite = "invite it: /invite @vco-route"
    if place is None:
        return failure(check, "the bot can't see it", f"is the ID right? If so, {invite}")
    if place.archived:
        return failure(check, "it is archived", "name another channel")
    if place.direct:
        return failure(check, "it is a direct message", "name a channel")
    if place.shared:
        found = "it is shared with another organisation: nothing can be approved there"
        return failure(check, found, "name a channel of this workspace alone")
    if not place.member:
        return failure(check, "the bot is not in it", invite)
    return ok(check, "the bot is in it, it is not shared")


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
