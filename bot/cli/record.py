"""`vco-route-bot record`: write what Alibaba Cloud answers to the bot's reads into a new file.

Nothing is changed, and Slack and Redis are not needed. Keys, secrets, ids, names and addresses
are replaced, so that the file can be given away, and replayed by a test.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import VpcClient
from bot.alibaba.credentials import DefaultChain
from bot.alibaba.endpoints import endpoints
from bot.alibaba.recording import Recorder, encoded, listed, read_everything, redacted
from bot.alibaba.transport import new_http_client
from bot.cli.output import Write, to_stdout
from bot.config.environment import Texts
from bot.config.settings import CloudSettings
from bot.errors import SettingsError

_KEY_BYTES = 32


async def record(file: str, env: Texts, write: Write = to_stdout) -> int:
    """Record into `file`; returns the exit status: 1 where nothing answered.

    Raises:
        SettingsError: The settings are wrong, or the file is there already or can't be written.
    """
    settings = CloudSettings.load(env)
    where = settings.region
    if where is None:
        raise SettingsError(["ALIBABA_CLOUD_REGION_ID: is missing; name the region to record"])
    with _new_file(file) as out:
        async with new_http_client() as http:
            recorder = Recorder(http)
            vpc = VpcClient(http, endpoints(settings.vpc_endpoint), Acs3Auth(DefaultChain()))
            failed = await read_everything(vpc, recorder, where)
        heard = recorder.exchanges
        for line in failed:
            write(f"failed: {line}\n")
        if not any(exchange.status for exchange in heard):
            write("Nothing answered, so nothing was recorded.\n")
            return 1
        out.write(encoded(redacted(heard, secrets.token_bytes(_KEY_BYTES))))
    write(
        f"Recorded {len(heard)} calls in {file}, of {len(listed(heard))} connections in {where}. "
        "Look through it before you give it away.\n"
    )
    return 0


@contextmanager
def _new_file(file: str) -> Iterator[BinaryIO]:
    """A file for its owner alone; it is gone again where nothing was written into it whole."""
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError([f"{file}: is there already, and is not overwritten"]) from None
    except OSError as error:
        raise SettingsError([f"{file}: can't be written ({error.strerror})"]) from None
    whole = False
    try:
        with os.fdopen(opened, "wb") as out:
            yield out
            whole = out.tell() > 0
    except OSError as error:
        whole = False
        raise SettingsError([f"{file}: can't be written ({error.strerror})"]) from None
    finally:
        if not whole:
            with suppress(OSError):
                Path(file).unlink()
