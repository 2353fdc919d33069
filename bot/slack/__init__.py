"""Slack: its dicts never leave this package.

What people do, each in one module with its action ids, inbox item and handler (see `router`):

- `commands`    `/vco-route`; `forms`: the forms for a deletion and for break-glass
- `decisions`   approve, reject, withdraw; `countersign`: what somebody did alone
- `stop`, `check_now`   the buttons of what is under way: end it before it begins, read it at once
- `ended`       restore and ask again: the buttons of a request that has ended
- `app_home`    the App Home is opened, and kept true for a while
- `unknown`     what is none of these; `routes`: all of them

From a click to its decision:

- `listeners`   stores what Slack delivers, acknowledges it; `payloads`, `payload`: Slack's bodies
- `modals`      a click that asks for more: its modal is opened, or it is stored as it is
- `inbox`       takes each stored item to its handler
- `submissions` drafts → requests; `lookups`: requests for those who ask; `access`: who may look
- `responder`   answers one person privately, `addresses`: where that may be; `notes`: that an item
                waits

What Slack shows:

- `cards`       keeps the card and the thread of each request true; `bars`: how often its bar moves
- `posted`      finds what was posted before an answer was lost
- `direct`      asks approvers directly, and keeps those messages true; `approvers`: whom
- `related`     the other requests that a card shows
- `tables`      sends a message once more without its table, where Slack takes none
- `messages`    values → messages, and all of their words; pure (knows none of the others)

The connection:

- `directory`   who somebody is and what a channel is, asked afresh; `shared_reads` once for many
- `web`, `budget`   the Web API: calls with values, within Slack's rate limits
- `connection`, `authorization`   who we are; whose payloads are let in; `said`: when they were sent
- `socket`, `socket_mode`, `verification`   the two ways in: websockets, signed HTTP requests
"""
