"""All that the bot does in Slack. A behaviour that is not here is listened to by nobody."""

from bot.slack import app_home, commands, decisions, ended, unknown
from bot.slack.forms import deleting
from bot.slack.router import Router

ROUTER = Router(
    commands.router,
    deleting.router,
    decisions.router,
    ended.router,
    app_home.router,
    unknown.router,
)
