"""Every word that people read in Slack, and nothing else: values → Block Kit, no I/O.

- `texts`       what all messages are made of: escaping, times, names, blocks
- `words`       what a deletion and a restoration are called
- `buttons`     the buttons that stand in more than one place
- `impacts`     what happens to traffic
- `card`        one message for a request, edited in place: `pending`, `progress`, `ending`
- `timeline`    the thread below the card: one line for each event
- `replies`     what one person is told of their command or click
- `reports`     private answers: lists, status; what comes first in them: `urgency`
- `home`        the App Home: `board` says what stands where, `home_rows` shows one request
- `delete_form`, `options`   the form for a deletion, and what its searches offer
- `reject_form`, `approve_form`   the modals that ask for a reason, and for a wide prefix
"""
