"""4 Execution: the steps of an approved request, each one claim long.

A step reads the record, reads the connection, makes at most one change in the cloud, and writes
the result under its fence. Everything before and after the one call is a pure transition in
`bot.lifecycle`.

- `worker`      claims what is due and runs one step of it, whatever kind of work it is
- `executor`    picks the step of a request by its state
- `context`     what a step needs: store, cloud client, clock, limits
- `send`        before and at the send: wait, void, or send with the stored token
- `verify`      after the send: poll until it is proven; reconcile what is unconfirmed
- `recheck`     are those who asked and approved still allowed to, read again before the send
- `cause`       which of our own requests has changed what another one was approved for
- `reading`     a connection and its routes, read over several steps where that takes long
- `finding`     the connection that is meant by a name, or in another region
- `region_pages`  connections that many wait for, read by pages of their region
- `regions`     how many steps at once one region may keep busy
- `rate_limit`  the vendor's quotas, over all replicas
- `cloud`       what is needed of the VPC API, and how long things may take
"""

from bot.execution.cloud import Cloud, ConnectionReads, Limits
from bot.execution.executor import Execution

__all__ = ["Cloud", "ConnectionReads", "Execution", "Limits"]
