"""What is typed in a terminal.

- `main`          the subcommands and their arguments
- `doctor`        checks a deployment
- `requests`      what is in flight, pending, done, for when Slack is down; `listing` prints it
- `policy`        is a policy file right, what would it ask of whom; `policy_live` looks it up
- `audit`         exports what happened, or verifies it
- `record`        what the cloud answers to our reads, in a file
- `output`        where all of them write
"""
