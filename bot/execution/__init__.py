"""4 Execution: the steps of an approved request, each one claim long.

A step reads the record, looks at the cloud, does at most one change there, and writes what
came of it under its fence. Everything before and after the one call is a pure transition in
`bot.lifecycle` and `bot.lifecycle.route_change`.

- `cloud`     what is needed of the VPC API, and how long things may take
- `reading`   a connection and its routes, over several steps where that takes long
- `regions`   how many steps at once one region may keep busy
- `bench`     what every step works with: record, cloud, clock
- `sending`   before and at the send: wait, void, or send with the stored token
- `proving`   after the send: watch until it is proven; reconcile what is unconfirmed
- `handler`   picks the step by the state of the request
"""

from bot.execution.cloud import Cloud, Limits
from bot.execution.executor import Execution

__all__ = ["Cloud", "Execution", "Limits"]
