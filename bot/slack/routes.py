"""All that the bot does in Slack. A behaviour that is not here is listened to by nobody."""

from bot.slack import (
    app_home,
    check_now,
    commands,
    countersign,
    decisions,
    ended,
    stop,
    unknown,
)
from bot.slack.forms import break_glass, deleting
from bot.slack.router import Router

ROUTER = Router(
    commands.router,
    deleting.router,
    break_glass.router,
    decisions.router,
    countersign.router,
    ended.router,
    stop.router,
    check_now.router,
    app_home.router,
    unknown.router,
)
