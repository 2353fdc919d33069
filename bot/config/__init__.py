"""The environment, read once: every variable checked, every secret masked.

- `settings`      all settings as one value
- `environment`   how a variable is declared and read: its check, its default, all faults at once
- `redis_url`     the forms of `REDIS_URL`
- `secret`        a value that is masked in logs and repr
"""
