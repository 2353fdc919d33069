"""Credentials come from the official chain, in time, and nothing of it leaks."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from bot.alibaba.credentials import ChainCredential, Credentials, DefaultChain
from bot.errors import NotSent


def test_a_credential_shows_the_ends_of_its_id_and_no_secret() -> None:
    temporary = Credentials(
        access_key_id="STS.NUExampleKey1234",
        access_key_secret="invented-secret",
        security_token="tok+en/==",
    )
    assert str(temporary) == repr(temporary) == "Credentials(STS.…1234, temporary, secret hidden)"


def test_an_id_that_is_too_short_to_be_shortened_is_not_shown() -> None:
    short = Credentials(access_key_id="LTAI5t", access_key_secret="invented-secret")
    assert repr(short) == "Credentials(…, long-lived, secret hidden)"


def key(
    access_key_id: str | None = "LTAI5tExample",
    access_key_secret: str | None = "invented-secret",  # noqa: S107  (invented)
    security_token: str | None = None,
) -> ChainCredential:
    return SimpleNamespace(
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        security_token=security_token,
    )


class Source:
    """Stands in for the official client: it answers, raises, or waits to be let go."""

    def __init__(self, answer: Callable[[], ChainCredential]) -> None:
        self.get_credential = answer


async def test_the_chains_credentials_are_given_with_their_token() -> None:
    chain = DefaultChain(lambda: Source(lambda: key(security_token="tok")))
    assert await chain.credentials() == Credentials(
        access_key_id="LTAI5tExample", access_key_secret="invented-secret", security_token="tok"
    )


@pytest.mark.parametrize(
    "found",
    [
        key(access_key_id=None),
        key(access_key_id=""),
        key(access_key_secret=None),
        key(access_key_secret="two lines\n"),
        key(access_key_id="LTAI é"),
    ],
)
async def test_a_key_that_can_not_sign_is_no_credential(found: ChainCredential) -> None:
    with pytest.raises(NotSent) as caught:
        await DefaultChain(lambda: Source(lambda: found)).credentials()
    assert caught.value.code == "Credentials.Unavailable"
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET" in caught.value.next_step


async def test_what_the_chain_raises_is_neither_shown_nor_chained_nor_logged() -> None:
    def leaky() -> ChainCredential:
        raise RuntimeError("http://host/?secret=invented-secret")

    with structlog.testing.capture_logs() as events, pytest.raises(NotSent) as caught:
        await DefaultChain(lambda: Source(leaky)).credentials()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "invented-secret" not in f"{caught.value} {caught.value.next_step} {events}"


async def test_a_chain_that_failed_is_asked_again_the_next_time() -> None:
    def answers() -> Iterator[ChainCredential]:
        yield key(access_key_id="")
        yield key()

    given = answers()
    chain = DefaultChain(lambda: Source(lambda: next(given)))
    with pytest.raises(NotSent):
        await chain.credentials()
    assert (await chain.credentials()).access_key_id == "LTAI5tExample"


async def test_the_calls_of_one_send_look_for_credentials_once() -> None:
    """Each look costs a thread, which costs as much as half a call."""
    looks: list[int] = []

    def look() -> ChainCredential:
        looks.append(1)
        return key()

    chain = DefaultChain(lambda: Source(look))
    for _ in range(4):
        await chain.credentials()
    assert len(looks) == 1


async def test_a_key_that_was_replaced_is_found_soon() -> None:
    given = iter([key(), key(access_key_id="LTAI5tNew")])
    chain = DefaultChain(lambda: Source(lambda: next(given)), kept=0.0)
    await chain.credentials()
    assert (await chain.credentials()).access_key_id == "LTAI5tNew"


async def test_a_chain_that_hangs_is_given_up_in_time_and_never_asked_twice_at_once() -> None:
    let_go = asyncio.Event()
    loop = asyncio.get_running_loop()
    calls: list[int] = []

    def hang() -> ChainCredential:
        calls.append(1)
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result()
        return key()

    chain = DefaultChain(lambda: Source(hang), limit=0.05)
    for _ in range(2):
        with pytest.raises(NotSent, match="did not answer"):
            await chain.credentials()
    let_go.set()
    assert (await chain.credentials()).access_key_id == "LTAI5tExample"
    assert len(calls) == 1


OFFICIAL = """
import asyncio, logging, sys
from bot.alibaba.credentials import DefaultChain
from bot.errors import NotSent
assert "alibabacloud_credentials" not in sys.modules, "imported before its first use"
try:
    found = asyncio.run(DefaultChain().credentials())
    print(found.access_key_id, found.access_key_secret, found.security_token, found.source)
    print("alibabacloud_credentials" in sys.modules)
except NotSent as error:
    print(error.code)
logging.getLogger("credentials").error("raw text")
"""


def run_official(code: str = OFFICIAL, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh process: the library reads the environment once, when it is imported."""
    base = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
    return subprocess.run(  # noqa: S603  (our own interpreter and text)
        [sys.executable, "-W", "error", "-c", code],
        env={**base, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )


BESIDE = """
from alibabacloud_credentials.client import Client
found = Client().get_credential()
token = found.security_token or ""
print(found.access_key_id, found.access_key_secret, token, found.provider_name)
"""


@pytest.mark.parametrize("token", [{}, {"ALIBABA_CLOUD_SECURITY_TOKEN": "tok"}])
def test_a_key_in_the_environment_is_what_the_official_chain_finds_first_and_needs_none_of_it(
    token: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "credentials.ini"
    elsewhere.write_text("[default]\ntype = access_key\naccess_key_id = a\naccess_key_secret = b\n")
    environment = token | {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI5tExample",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "invented-secret",
        "ALIBABA_CLOUD_CREDENTIALS_FILE": str(elsewhere),
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/x",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/x",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/nonexistent",
    }
    ours, loaded = run_official(**environment).stdout.splitlines()
    assert ours == run_official(BESIDE, **environment).stdout.rstrip("\n")
    assert ours.startswith("LTAI5tExample invented-secret ")
    assert loaded == "False"


@pytest.mark.parametrize("missing", ["ID", "SECRET"])
def test_half_a_key_in_the_environment_leaves_the_official_chain_to_look_elsewhere(
    missing: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "credentials.ini"
    elsewhere.write_text("[default]\ntype = access_key\naccess_key_id = a\naccess_key_secret = b\n")
    key = {"ID": "LTAI5tExample", "SECRET": "invented-secret"} | {missing: ""}
    done = run_official(
        ALIBABA_CLOUD_CREDENTIALS_FILE=str(elsewhere),
        **{f"ALIBABA_CLOUD_ACCESS_KEY_{name}": value for name, value in key.items()},
    )
    assert done.stdout == "a b  default/profile/static_ak\nTrue\n"


def test_the_official_chain_without_any_source_is_unavailable_and_keeps_quiet() -> None:
    done = run_official()
    assert done.stdout.splitlines()[-1] == "Credentials.Unavailable"
    assert "raw text" not in done.stdout + done.stderr


def test_the_official_credentials_are_never_imported_by_reading_our_modules() -> None:
    code = "import bot.alibaba.client, sys; print('alibabacloud_credentials' in sys.modules)"
    done = subprocess.run(  # noqa: S603  (our own interpreter and text)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "False\n"
