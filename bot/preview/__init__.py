"""2 Preview: the live routes and the connection's state → what would be changed. Pure.

- `names`      which connections have a name, and which are near it
- `resolve`    a draft and the live routes → the exact routes that are meant
- `impact`     where traffic goes when these routes go
- `snapshot`   what an approver sees and decides on; whether it still holds (drift)
- `crossing`   do two requests on one connection get in each other's way
- `rollback`   a request → the draft of the request that restores what it deleted
"""
