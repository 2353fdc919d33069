"""Delete a route from an Alibaba Cloud IPsec-VPN connection, from Slack, safely.

The story, and where each part of it lives. A folder is a part of the story or an edge.

    /vco-route delete vco-p0w… 192.168.10.0/24 --reason "leaking prod prefix, INC-4211"

    1 command     `command`     text → a draft of what is asked, checked without any I/O
    2 preview     `preview`     live routes and state → the exact route, its impact, a snapshot
    3 approval    `approval`    a draft becomes a pending request, a click becomes a decision
                  `policy`      who may ask, who may decide, is it enough
    4 execution   `execution`   queue → stored token → the one call → polls → proof
                  `lifecycle`   the state machine: request, route, proof
    5 status      `slack.cards`   one card edited in place, one thread with the timeline
                  `slack.direct`  a direct message to each approver who can decide
                  `follow_up`   reminders, countersignatures, monitoring after a change

To follow one command: `slack.commands`, `command`, `slack.listeners`, `slack.inbox`,
`slack.submissions`, `approval.submit`, `store.requests`, `slack.cards`. One click on its card:
`slack.decisions`, `approval.decide`, `execution.executor`, `execution.send`, `execution.verify`.

The edges, whose words never leave them: `slack` (payloads, blocks), `alibaba` (JSON, codes,
signatures), `store` (Redis keys, scripts). `models` and `errors` are what all of them speak.

Around it: `cli` (what is typed in a terminal; `__main__` hands over to it), `service` (builds,
starts, watches and stops the parts), `config` (the environment), `history` (which requests were
ever about a block, a connection, a request), `logs` and `log_events`, `metrics`, `tracing`,
`version`; `sandbox`, which nothing else knows. Imports go one way; the layers are in
pyproject.toml.
"""
