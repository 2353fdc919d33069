"""Chaos runs: real bots, a real Valkey, a local Slack and a local cloud, and everything goes wrong.

- `plan`        what people do and what goes wrong, and when; `planning` makes one from a seed
- `directed`    plans that aim at one safety mechanism each
- `zygote`      the process that forks real bots in milliseconds; `bots` is its other side
- `breaks`      short pauses, and safety mechanisms switched off on purpose
- `proxy`       the network between the bots and Valkey
- `world`       one scene with all of them; `faults` is what may go wrong in it
- `people`      who types and clicks what, and the journal of it
- `replica`, `clock`  a Valkey to fail over to, and a clock that jumps
- `previous`    the version before, to run beside this one
- `evidence`    what the records of the API, of Slack and the audit say afterwards
- `invariants`  what must hold in any case; `telling` the part about cards and threads
- `reached`     what a run really met, and how often it has to
- `rounds`      plays one plan and judges it; `runner` plays many; `report` counts

`python -m chaos --help`; a violation comes with the command that plays its round again.
"""
