"""A local Slack over HTTP, as strict as the real one, for the sandbox and the tests.

workspace   who and what there is
state       what was said, shown and asked; `until` waits on its changes
messages, views   what is kept of each; `text_of` is what a person reads
blocks      Slack's judgement of Block Kit, from `checks` and `elements`; content uses it
web_api     `/api/<method>`: a table of methods, and scopes, limits and faults around it
deliver     payloads to the app, signed HTTP or socket_mode; acks back
inputs      what stands in the fields of a view, and what stays there when it changes
responses, submissions, suggestions   what an ack or a post to a response_url may do
driver      the person at the keyboard, for tests and for the page; forms is its half about
            modals and the Home tab, reading is what they see
client_api  the page: its files, its streamed client_state, its verbs
server      all of it as one aiohttp application on loopback
"""

from bot.sandbox.slack.driver import CannotDo
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.server import LocalSlack
from bot.sandbox.slack.workspace import Workspace, default_workspace

__all__ = ["CannotDo", "LocalSlack", "Message", "Workspace", "default_workspace", "text_of"]
