"""Delete a route from an Alibaba Cloud IPsec-VPN connection, from Slack, safely.

The story, and where each part of it lives. Arrows go one way, down this page.

    /vco-route delete vco-p0w… 192.168.10.0/24 --reason "leaking prod prefix, INC-4211"

    1 command     `command`     text → a draft of what is asked, checked without any I/O
    2 preview     `asking`      who may ask where; reads the live routes
                  `preview`     routes and state → the exact route, its `impact`, a snapshot
                  `candidates`  is there anybody who could approve it
    3 approval    `slack`       the card with its buttons, from `slack.messages`
                  `eligibility` may this person decide, as Slack says now; `refusals` of it
                  `approval`    who decided, recorded once; `policy` says who may
                  `recheck`     before a send: are they still there, may they still
    4 execution   `engine`      claims what is due and has one step of it done
                  `execution`   wait, send with the stored token, watch, prove, reconcile
                  `lifecycle`, `route_change`   the state machine: pure transitions
                  `watching`    what was seen → is it proven, and when to look again
    5 status      `slack.telling`   one card edited in place, one thread with the timeline

    afterwards    `follow_up`   nudges, countersignatures, a watchful eye on the tunnels
                  `undo`        a request → the draft of the request that undoes it
                  `history`     which requests were ever about a block, a connection, a request

Around it: `__main__` (the command line), `app` (builds everything), `serving` (starts and stops
it), `server` (HTTP), `settings`, `logs`, `seal` (is a record ours); for operators `doctor`,
`policy_command`, `terminal` and
`auditing`; `slack/`, `alibaba/` and `store/`, whose words (payloads, JSON, keys) never leave them;
`models` and `errors`, the domain's words; `sandbox/`, which nothing else knows.
"""
