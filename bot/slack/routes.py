"""All that the bot does in Slack. A behaviour that is not here is listened to by nobody."""

from bot.slack import app_home, ask_again, commands, decisions, restore, unknown
from bot.slack.forms import deleting
from bot.slack.router import Router

ROUTER = Router(
    commands.router,
    deleting.router,
    decisions.router,
    restore.router,
    ask_again.router,
    app_home.router,
    unknown.router,
)
