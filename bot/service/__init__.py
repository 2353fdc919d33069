"""A bot as a running process.

- `app`         the composition root: builds every part from the settings
- `run`         starts it, watches it, stops it
- `http`        the one HTTP server: Slack's endpoint, health, metrics
- `readiness`   is everything there that the bot needs
"""
