"""Everything on one machine, to try the bot and to test it: nothing else in `bot` knows of it.

- `run`      the command: starts all of it, stops all of it
- `checklist`  what to try, and whether it has happened
- `scene`    a local Slack and a local cloud as the sandbox and the tests set them up
- `slack`    a local Slack, as strict as Slack, with a page to use it
- `vpc`      a local VPC API that behaves as the vendor's does
- `valkey`   an embedded real server
- `process`  the real bot as a process that can be killed and started, and that `guard` ends with us
"""
