"""The form for a deletion: for those who don't know the id of a connection at three at night.

- `fields`    what the form asks, and what it says so far, read from Slack's payloads
- `checks`    what was sent in → a draft, or what is wrong with which field; pure
- `lookup`    connections and routes, live, in the time that a form can wait
- `view`      values → the form as it looks, and what its searches offer; pure
- `deleting`  what happens at each click

Nothing is kept of a form between two clicks: each payload says all of it. Its submission is a
delivery like any other.
"""
