"""Which addresses in a payload are answered at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackRejected
from bot.slack.addresses import is_slacks
from bot.slack.web import Slack

API = "https://slack.com/api/"


@pytest.mark.parametrize(
    ("address", "api_url"),
    [
        ("https://hooks.slack.com/commands/T1/2/abc", API),
        ("https://hooks.slack.com/actions/T1/2/abc", API),
        ("https://hooks.slack-gov.com/commands/T1/2/abc", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:8080/response/abc", "http://127.0.0.1:8080/api/"),
        ("https://hooks.slack.com/commands/T1/2/abc", "http://127.0.0.1:8080/api/"),
    ],
)
def test_slacks_own_addresses_are(address: str, api_url: str) -> None:
    assert is_slacks(address, api_url)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nowhere",
        "http://hooks.slack.com/commands/T1/2/abc",
        "https://hooks.slack.com",
        "https://hooks.slack.com@169.254.169.254/",
        "https://hooks.slack.com:443@169.254.169.254/",
        "https://hooks.slack.com:8443/",
        "https://hooks.slack.com.evil.example/",
        "https://hooks.slack.com\\@evil.example/",
        "https://hooks.slack.com%2f@evil.example/",
        "https://hooks.slack.com?@evil.example/",
        "https://hooks.slack.com#@evil.example/",
        "https://evil.example/https://hooks.slack.com/",
        "https://files.slack.com/upload",
        "https://acme.slack.com/",
        "https://hooks.slack.com/a b",
        "https://hooks.slack.com/a\nb",
        "https://hooks.slack.com/\u202e",
        " https://hooks.slack.com/a",
        "https://hooks.slack.com/" + "a" * 1000,
        "https://h\u043eoks.slack.com/a",
        "//hooks.slack.com/a",
        "javascript:https://hooks.slack.com/",
        "http://127.0.0.1:8080/response/abc",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
    ],
)
def test_all_others_are_not(address: str) -> None:
    assert not is_slacks(address, API)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:80801/response/abc",
        "http://127.0.0.1:8081/response/abc",
        "http://127.0.0.1/response/abc",
        "https://127.0.0.1:8080/response/abc",
        "http://127.0.0.1:8080@evil.example/",
    ],
)
def test_another_port_or_scheme_is_another_host(address: str) -> None:
    assert not is_slacks(address, "http://127.0.0.1:8080/api/")


@given(
    st.text(alphabet=st.sampled_from("@:/\\?#%.\t\n ae"), max_size=12),
    st.text(alphabet=st.sampled_from("@:/\\?#%.\t\n ae"), max_size=12),
)
def test_whatever_is_put_around_the_host_it_is_the_host(before: str, behind: str) -> None:
    address = f"https://{before}hooks.slack.com{behind}"
    if is_slacks(address, API):
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc) == ("https", "hooks.slack.com")


@asynccontextmanager
async def answering(response: web.Response) -> AsyncIterator[tuple[str, list[str]]]:
    """A server in place of Slack's; its origin, and what was asked of it."""
    paths: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        paths.append(request.path)
        return response

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", paths
    await runner.cleanup()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    there = web.Response(status=status, headers={"Location": "/inside"})
    async with answering(there) as (origin, paths):
        slack = Slack(AsyncWebClient(token="xoxb-1", base_url=f"{origin}/api/"))
        with pytest.raises(SlackRejected, match=f"http_{status}"):
            await slack.respond(f"{origin}/response/a", "hello")
    assert paths == ["/response/a"]


async def test_an_answer_without_end_is_read_no_further_than_needed() -> None:
    async with answering(web.Response(text="ok" + "x" * 50_000_000)) as (origin, paths):
        slack = Slack(AsyncWebClient(token="xoxb-1", base_url=f"{origin}/api/"))
        await slack.respond(f"{origin}/response/a", "hello")
    assert paths == ["/response/a"]
