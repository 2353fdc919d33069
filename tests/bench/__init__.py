"""How long things take, and what a killed bot costs: real bots, a real Valkey, a local cloud.

- `scenes`   what is measured, in seconds, all from outside the bot
- `table`    samples to rows of a Markdown table

Machines differ and are busy with other things: each figure stands beside what it is to be compared
with, measured or set in the same run. `python -m bench --help`.
"""
