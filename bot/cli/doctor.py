"""`vco-route-bot doctor`: is everything there that a deployment needs?"""

from collections.abc import Mapping

from bot.cli.policy_live import unfilled, unmatched
from bot.config.settings import Settings
from bot.errors import AlibabaError
from bot.policy.lint import lint
from bot.service.app import App
from bot.service.readiness import ready
from bot.store.health import OK, WARNING


async def examine(settings: Settings) -> int:
    """Check Redis, Slack, the credentials and the VPC API; print a line each.

    Returns the exit status: 0 when all is well, else 1.
    """
    app = App(settings)
    try:
        found = dict(await app.readiness.check())
        if settings.socket_mode:
            found["socket"] = await app.connection.probe()
        found["vpc api"] = await _vpc(app)
        policy = await _policy(app, found)
    finally:
        await app.close()
    told = [f"{name}: {word}" for name, word in found.items()]
    lines = [*settings.warnings, *told, *(f"policy: {WARNING}{line}" for line in policy)]
    print("\n".join(lines))  # noqa: T201 - the command's output
    return 0 if ready(found) else 1


async def _policy(app: App, found: Mapping[str, str]) -> list[str]:
    """What the policy names and is not there, as far as those who know answer."""
    policy = app.policy.policy
    lines = list(lint(policy))
    if found["vpc api"] == OK:
        lines += await unmatched(policy, app.vpc, app.settings.region)
    if found["slack"] == OK:
        lines += await unfilled(policy, app.directory)
    return lines


async def _vpc(app: App) -> str:
    try:
        regions = await app.vpc.regions()
    except AlibabaError as error:
        return f"{error.code}: {error.meaning} {error.next_step}".strip()
    region = app.settings.region
    if region and region not in regions:
        return f"ALIBABA_CLOUD_REGION_ID: there is no region {region}"
    return OK
