"""A local Slack over HTTP, as strict as the real one, for the sandbox and the tests.

workspace     who and what there is
state         what was said, shown and asked, and a way to wait for a change
messages, views   what is kept of each; `text_of` is what a person reads
blocks        Slack's judgement of Block Kit
web_api       `/api/<method>`: a table of methods, with scopes and `rate_limits` around it;
              `arguments` reads a call, `methods` and `view_methods` do it
deliver       payloads to the app, signed HTTP or `socket_mode`; acks back
responses     what an ack or a post to a response_url does
driver        the person at the keyboard, for the tests and for the page
client        the page: its files, its streamed state, its verbs
server        all of it as one aiohttp application on loopback
"""

from bot.sandbox.slack.driver import CannotDo
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.server import LocalSlack
from bot.sandbox.slack.workspace import Workspace, default_workspace

__all__ = ["CannotDo", "LocalSlack", "Message", "Workspace", "default_workspace", "text_of"]
