"""`vco-route-bot doctor`: is everything there that a deployment needs, and what mends what is not?

Works beside a running bot. Where something does not answer at all, what hangs on it is not
looked at: one line says why.
"""

import time
from collections.abc import Sequence
from fnmatch import filter as glob_filter

from bot.cli.checks import alibaba, people, redis, slack
from bot.cli.checks import settings as checked
from bot.cli.checks.finding import Finding, Level, ok, warning
from bot.cli.listing import as_json, fields
from bot.cli.policy_live import unmatched
from bot.config.settings import Settings
from bot.errors import SettingsError, SlackError, StoreError
from bot.execution.rate_limit import CHANGES, Quotas
from bot.models import Operation
from bot.policy.lint import lint
from bot.service.app import App
from bot.service.self_check import round_trip

_READ = "DescribeVcoRouteEntries"
"""The read that is made most often."""


async def examine(settings: Settings, *, json: bool = False) -> int:
    """Check everything; returns the exit status of `report`."""
    try:
        app = App(settings)
    except SettingsError as error:
        return report(checked.of_policy(error.lines), json=json)
    try:
        findings = await _looked_at(app)
    finally:
        await app.close()
    return report(findings, json=json)


def report(findings: Sequence[Finding], *, json: bool) -> int:
    """Print a line each; returns the exit status, 1 where one is a failure."""
    lines = [as_json(fields(finding)) if json else str(finding) for finding in findings]
    print("\n".join(lines))  # noqa: T201 - the command's output
    return 1 if any(finding.level is Level.FAILURE for finding in findings) else 0


async def _looked_at(app: App) -> list[Finding]:
    found = [
        warning("settings", line, "correct the name, or remove it")
        for line in app.settings.warnings
    ]
    found += await redis.examine(app.store, app.settings.redis.kind)
    store_answers = found[-1].check != "redis"
    if store_answers:
        found += [await _seal(app), await _store_clock(app)]
    found += await _slack(app)
    found += [warning("policy", line, "look at that line") for line in lint(app.policy.policy)]
    found += await _alibaba(app, store_answers=store_answers)
    return found


async def _store_clock(app: App) -> Finding:
    check = "clock and redis"
    try:
        return alibaba.clock(check, time.time() - await app.store.database.now())
    except StoreError:
        return ok(check, "not told")


async def _seal(app: App) -> Finding:
    try:
        broken, count = await app.store.requests.seals_broken()
    except StoreError:
        return ok("redis seal", "not told: Redis does not answer")
    return redis.seal(broken, count, on=bool(app.settings.seal_keys))


async def _slack(app: App) -> list[Finding]:
    """All findings about Slack; one alone where it does not answer."""
    found = [await slack.token(app.directory)]
    if found[0].level is Level.FAILURE:
        return found
    found.append(slack.scopes(app.slack.granted))
    if app.settings.socket_mode:
        found.append(slack.socket(await app.connection.probe()))
    word = await round_trip(app)
    found.append(slack.route(word, socket_mode=app.settings.socket_mode))
    found += [await _channel(app, name) for name in _channels(app)]
    return found + await people.examine(app.policy.policy, app.directory)


def _channels(app: App) -> Sequence[str]:
    named = [channel for rule in app.policy.policy.rules for channel in rule.channels]
    own = [app.settings.approval_channel] if app.settings.approval_channel else []
    return tuple(dict.fromkeys((*own, *named)))


async def _channel(app: App, name: str) -> Finding:
    try:
        return slack.channel(name, await app.directory.place(name))
    except SlackError as error:
        return warning(f"channel {name}", f"can't be read ({error})", "try again in a minute")


async def _alibaba(app: App, *, store_answers: bool) -> list[Finding]:
    """All findings about Alibaba Cloud; fewer where there are no credentials, or no answer."""
    finding, there = await alibaba.credentials(app.credentials)
    if not there:
        return [finding]
    found = [finding]
    finding, known = await alibaba.regions(app.vpc)
    found.append(finding)
    if app.vpc.clock_ahead is not None:
        found.append(alibaba.clock("clock and alibaba", app.vpc.clock_ahead))
    if known is not None and not known:
        return found
    policy = app.policy.policy
    patterns = [pattern for rule in policy.rules for pattern in rule.regions]
    named = {region for one in patterns for region in glob_filter(known or (), one)}
    tried = False
    for name in alibaba.used_regions(app.settings.region, [*named, *app.settings.regions]):
        finding, connections = await alibaba.region(app.vpc, name, known)
        found.append(finding)
        if finding.level is not Level.OK:
            continue
        if not tried:
            found += await alibaba.permissions(app.vpc, name, connections)
            tried = True
        if store_answers:
            found += await _quotas(app, name)
    lines = await unmatched(policy, app.vpc, app.settings.region)
    return found + [warning("policy", line, "look at that line") for line in lines]


async def _quotas(app: App, region: str) -> list[Finding]:
    quotas = Quotas(app.store.rate_limits, share=app.settings.quota_share)
    actions = (CHANGES[Operation.DELETE], CHANGES[Operation.RESTORE], _READ)
    try:
        return [
            alibaba.quota(action, region, await quotas.left(region, action)) for action in actions
        ]
    except StoreError:
        return [ok(f"quota in {region}", "not told: Redis does not answer")]
