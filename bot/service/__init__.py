"""A bot as a running process.

- `app`         the composition root: builds every part from the settings
- `run`         starts it, watches it, stops it
- `http`        the one HTTP server: Slack's endpoint, health, metrics; `http_connections` bounds it
- `readiness`   is everything there that the bot needs; `self_check`: do we hear what comes to PORT
- `statistics`  gauges that are read now and then
- `tracing`     on where OTEL_* variables ask for it; `tracing_export` alone imports OpenTelemetry
"""
