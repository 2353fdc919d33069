"""Slack: its dicts never leave this package.

- `listeners`   store what Slack delivers and acknowledge it
- `payloads`, `payload`   Slack's bodies → values, which the inbox keeps
- `forms`       the form for a deletion, from its opening until it is sent in
- `inbox`       handles each stored item, through `commands`, `submissions` and `decisions`
- `responder`   answers one person privately; `notes`: says that an item waits
- `access`      who may look; `lookups`: reads requests for those who ask
- `cards`       keeps the card and the thread of each request true; `posted` finds what was posted
                before an answer was lost
- `app_home`, `app_home_rows`   keep the App Home of everybody true who has looked lately
- `messages`    values → messages, and all of their words; pure
- `directory`   who somebody is and what a channel is, asked afresh; `shared_reads` once for many
- `web`, `budget`   the Web API: calls with values, within Slack's rate limits
- `connection`, `authorization`   who we are; whose payloads are let in
- `socket`, `socket_mode`, `verification`   the two ways in: websockets, signed HTTP requests
"""
