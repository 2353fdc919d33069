"""How long things take, and what a killed bot costs: real bots, a real Valkey, a local cloud.

- `crowd`    many deletions at once, Slack's limits and the vendor's quotas on
- `costs`    single things: an acknowledgement, a send, a start, a record, a full quota
- `scenes`   one deletion left alone, and one whose bot is killed
- `peers`    what each is compared with
- `table`    samples to rows of a Markdown table, and to JSON

Machines differ and are busy with other things: each figure stands beside what it is to be compared
with, measured or set in the same run. `python -m bench --help`.
"""
