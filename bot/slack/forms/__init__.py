"""The forms for a deletion, and for break-glass.

That for a deletion is for those who don't know the id of a connection at three at night.

- `fields`    what the form asks, and what it says so far, read from Slack's payloads
- `checks`    what was sent in → a draft, or what is wrong with which field; pure
- `lookup`    connections and routes, live, in the time that a form can wait
- `view`      values → the form as it looks, and what its searches offer; pure
- `needs`     what the policy would ask of it: who approves, how many, what is protected; pure
- `deleting`  what happens at each click
- `break_glass`  what a command with `--break-glass` opens; `glass_view`: how it looks; pure

Nothing is kept of a form between two clicks: each payload says all of it. Its submission is a
delivery like any other.
"""
