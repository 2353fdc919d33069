"""The environment, read once: every variable checked, every secret masked.

- `settings`      all settings as one value
- `environment`   how one variable is read: what its text may look like, what is wrong with it
- `redis_url`     the forms of `REDIS_URL`
- `secret`        a value that is masked in logs and repr
"""
