"""`vco-route-bot doctor`: is everything there that a deployment needs?"""

from bot.app import App
from bot.errors import AlibabaError
from bot.readiness import ready
from bot.settings import Settings


async def examine(settings: Settings) -> int:
    """Check Redis, Slack, the credentials and the VPC API; print a line each.

    Returns the exit status: 0 when all is well, else 1.
    """
    app = App(settings)
    try:
        found = dict(await app.readiness.check())
        found["vpc api"] = await _vpc(app)
    finally:
        await app.close()
    lines = [*settings.warnings, *(f"{name}: {word}" for name, word in found.items())]
    print("\n".join(lines))  # noqa: T201 - the command's output
    return 0 if ready(found) else 1


async def _vpc(app: App) -> str:
    try:
        regions = await app.vpc.regions()
    except AlibabaError as error:
        return f"{error.code}: {error.meaning} {error.next_step}".strip()
    region = app.settings.region
    if region and region not in regions:
        return f"ALIBABA_CLOUD_REGION_ID: there is no region {region}"
    return "ok"
