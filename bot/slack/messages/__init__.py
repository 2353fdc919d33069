"""What people read in Slack: values → Block Kit, no I/O. `forms.view` has the deletion's form.

- `mrkdwn`      what all messages are made of: escaping, times, names, blocks, Slack's limits
- `style`       the same values in a line for Slack, or for a terminal
- `labels`      what a deletion and a restoration are called; what stands first in lists
- `table`       a table, and what stands in its place where Slack takes none
- `buttons`     the buttons that stand in more than one place
- `impacts`     what happens to traffic
- `per_route`   what is said of each of several routes
- `card`        one message for a request, edited in place; `first_line`, `card_body`: its parts
- `stays`       the danger that is still there; `stops`: what has not begun; `unconfirmed`;
                `monitored`: what monitoring has shown; `related`: what other requests mean for it
- `timeline`    the thread below the card: one line for each event; `reminder`: the one that calls
- `direct`      the direct message to an approver
- `replies`     what one person is told of their command or click; status
- `listing`     the routes of a connection
- `receipt`, `history`   all that is recorded of a request; which requests there were
- `app_home`    the App Home; `concerns`: which request stands where in it
- `decision_forms`   the modals that ask for a reason, and for a wide prefix
"""
