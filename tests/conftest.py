"""What several test files need."""

import os
from collections.abc import AsyncIterator, Iterator
from functools import cache

import httpx
import pytest
import pytest_asyncio
from databases import HOW_OFTEN, database
from hypothesis import settings
from redis.asyncio import Redis
from stage import Stage
from staged_slack import StagedSlack, staged_slack

from bot.config.settings import Settings
from bot.execution import context, send, worker
from bot.execution import rate_limit as pacing
from bot.lifecycle import proof as watching
from bot.sandbox.valkey import EmbeddedValkey
from bot.sandbox.vpc import seed
from bot.slack import app_home, budget
from bot.store import Database, Store, Work

# The official credential chain reads the environment when it is imported.
os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"
os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = seed.ACCESS_KEY_ID
os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = seed.ACCESS_KEY_SECRET

# Machines are noisy: how long one example takes says nothing. A long search is
# `--hypothesis-profile=deep`: made now and then, not at every change.
settings.register_profile("usual", deadline=None, max_examples=30)
settings.register_profile("deep", deadline=None, max_examples=1000)
settings.load_profile("usual")


@pytest.fixture(autouse=True, scope="session")
def trusted_certificates() -> Iterator[None]:
    """Read once, not by every bot that is started: that would take as long as all else about it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context)
        )
        yield


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits ten seconds for a lease here; bots that are processes of their own do."""
    monkeypatch.setattr(Settings.variables()["lease"].check, "lowest", 1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def valkey_server() -> AsyncIterator[EmbeddedValkey]:
    """One real server for all tests."""
    async with EmbeddedValkey(appendonly=True) as server:
        yield server


@pytest_asyncio.fixture
async def valkey_url(valkey_server: EmbeddedValkey) -> str:
    """The address of the real server, empty at the start of every test."""
    async with Redis.from_url(valkey_server.url) as redis:
        await redis.flushall()
    return valkey_server.url


@pytest_asyncio.fixture(params=HOW_OFTEN)
async def db(valkey_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database whose clock stands still; every script arrives once, then twice."""
    async with database(valkey_url, request.param) as opened:
        yield opened


@pytest.fixture
def store(db: Database) -> Store:
    """What is stored there."""
    return Store(db)


@pytest.fixture
def work(db: Database) -> Work:
    """What is to be done there."""
    return Work(db)


@pytest_asyncio.fixture
async def local() -> AsyncIterator[StagedSlack]:
    """A local Slack with the app installed, and nothing else."""
    slack = staged_slack()
    await slack.start()
    yield slack
    await slack.close()


@pytest_asyncio.fixture
async def stage(valkey_url: str) -> AsyncIterator[Stage]:
    """A local Slack and a local cloud; the test starts the bot it wants."""
    async with Stage(valkey_url) as scene:
        yield scene


@pytest_asyncio.fixture
async def playing(stage: Stage) -> Stage:
    """The same with one bot over HTTP, ready."""
    await stage.start_bot()
    return stage


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot does all as always, in the same order, only with short pauses."""
    monkeypatch.setattr(watching, "FIRST_POLL", 0.1)
    monkeypatch.setattr(watching, "FIRST_RECONCILE", 0.3)
    monkeypatch.setattr(context, "_FIRST_WAIT", 0.1)
    monkeypatch.setattr(context, "_LONGEST_WAIT", 0.4)
    monkeypatch.setattr(send, "_READ_AFTER_LOSS", 0.1)
    monkeypatch.setattr(worker, "_LONGEST_PAUSE", 1.0)
    monkeypatch.setattr(app_home, "APART_SECONDS", 0.3)
    monkeypatch.setattr(pacing, "CHANGES_A_MINUTE", 1_000_000)
    monkeypatch.setattr(pacing, "READS_A_MINUTE", 1_000_000)
    for method in budget.RATES:
        monkeypatch.setitem(budget.RATES, method, budget.Rate(1e9, 10**9))


@pytest.fixture
def hurried(stage: Stage, short_pauses: None) -> Stage:  # noqa: ARG001 - asked for by its name
    """A scene where everything happens as always, only with short pauses."""
    stage.hurry()
    return stage


@pytest_asyncio.fixture
async def brisk(hurried: Stage) -> Stage:
    """The same with one bot over HTTP, ready."""
    await hurried.start_bot()
    return hurried
