"""Slack: its dicts never leave this package.

- `listeners`   what Slack delivers is stored and acknowledged
- `inbound`, `payload`   payloads → values
- `forms`       the form for a deletion, from its opening until it is sent in
- `answers`     each delivery is handled, by `commands`, `asks` and `decisions`
- `replier`     answers one person privately
- `access`      who may look; `recalling`: what is remembered, for those who ask
- `telling`     the card and the thread of a request are kept true
- `homes`, `boards`   the App Homes of whoever has looked lately are kept true
- `traces`      what was posted before an answer was lost
- `messages`    values → messages, and all of their words; pure
- `people`      who somebody is and what a channel is, asked afresh
- `web`         the Web API: calls with values, errors of our own tree
- `link`, `authorization`   who we are; whose deliveries are let in
"""
