"""How the variables of the environment are read: one declaration each, all that is wrong at once.

A check takes the text of a variable and returns the value, or raises ValueError with words that
follow the variable's name. The words never quote a secret.

    class Listener(Environment):
        port: int = variable("PORT", Between(1, 65535), 3000)

    Listener.load(os.environ).port
"""

import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar, cast
from urllib.parse import urlsplit

from bot.config.secret import Secret
from bot.errors import SettingsError

T = TypeVar("T")
Word = TypeVar("Word", bound=str)
Texts = Mapping[str, str]


class Variable(NamedTuple):
    """A variable: its name, what its text may look like, and the mend where it has to be set."""

    name: str
    check: Callable[[str], object]
    mend: str = ""

    def read(self, texts: Texts, problems: list[str]) -> object:
        """The value; None where it is not set, or is wrong, which is added to the problems."""
        try:
            if self.name in texts:
                return self.check(texts[self.name])
            if self.mend:
                problems.append(f"{self.name}: is not set: {self.mend}")
        except ValueError as error:
            problems.append(f"{self.name}: {error}")
        return None


def variable(name: str, check: Callable[[str], T], default: T) -> T:
    """Declare a field that is read from a variable, with a default where it is not set."""
    return field(default=default, metadata={_KEY: Variable(name, check)})


def optional(name: str, check: Callable[[str], T]) -> T | None:
    """Declare a field that is None where its variable is not set."""
    return field(default=None, metadata={_KEY: Variable(name, check)})


def required(name: str, check: Callable[[str], T], *, mend: str) -> T:
    """Declare a field whose variable has to be set."""
    return cast("T", field(metadata={_KEY: Variable(name, check, mend)}))


_KEY = "variable"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Settings that are read from the environment; blank values count as unset."""

    @classmethod
    def load(cls, env: Mapping[str, str], **otherwise: object) -> Self:
        """Read all variables; `otherwise` are values of fields whose variables are not set.

        Raises:
            SettingsError: Something is missing or wrong; a line for each.
        """
        texts = {name: text.strip() for name, text in env.items() if text.strip()}
        problems: list[str] = []
        values: dict[str, Any] = dict(otherwise)
        for name, one in cls.variables().items():
            value = one.read(texts, problems)
            if value is not None:
                values[name] = value
        problems += cls.conflicts(texts)
        if problems:
            raise SettingsError(problems)
        return cls(**values)

    @classmethod
    def variables(cls) -> dict[str, Variable]:
        """The variables by the names of their fields."""
        return {one.name: one.metadata[_KEY] for one in fields(cls) if _KEY in one.metadata}

    @classmethod
    def conflicts(cls, texts: Texts) -> Iterator[str]:  # noqa: ARG003 - for who overrides it
        """What is wrong with variables that were not declared, or that don't go together."""
        yield from ()


def secret(prefix: str = "") -> Callable[[str], Secret]:
    """A secret that starts with the prefix."""

    def check(text: str) -> Secret:
        if text[0] in "\"'":
            raise ValueError("must be given without quotes")
        if not text.startswith(prefix):
            raise ValueError(f"must start with {prefix} (is it another kind of token?)")
        if text == prefix or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("is cut off, or has a sign in it that no token has: copy it again")
        return Secret(text)

    return check


SEAL_KEY_BYTES = 32
MAKE_KEY = "openssl rand -base64 48"
_SEAL_KEY_SIGNS = 10


def seal_keys(text: str) -> tuple[Secret, ...]:
    """Keys for seals, comma-separated: the first one seals, the others are still believed."""
    keys = [key.strip() for key in text.split(",")]
    how = f"make one with: {MAKE_KEY}"
    for key in keys:
        if len(key.encode()) < SEAL_KEY_BYTES:
            raise ValueError(f"has a key of less than {SEAL_KEY_BYTES} bytes: {how}")
        if not key.isascii() or not key.isprintable() or " " in key or key[0] in "\"'":
            raise ValueError(f"has a sign in it that no key has: {how}")
        if len(set(key)) < _SEAL_KEY_SIGNS:
            raise ValueError(f"has a key that can be guessed: {how}")
    if len(set(keys)) < len(keys):
        raise ValueError("names a key twice")
    return tuple(map(Secret, keys))


def web_address(*, ends_in_slash: bool = False) -> Callable[[str], str]:
    """An https address; plain http only to this machine, where nobody listens in."""

    def check(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be an address that starts with https://")
        if parts.scheme == "http" and not _loopback(parts.hostname):
            raise ValueError("must start with https://; plain http:// only goes to this machine")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("must have no user, no ? and no # in it")
        _ = parts.port  # raises ValueError where it is none
        if ends_in_slash and not text.endswith("/"):
            raise ValueError("must end in /")
        return text

    return check


def certificates(text: str) -> str:
    """A file of certificates that TLS can be checked with."""
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise ValueError(f"{text} holds no certificate (it must be PEM)") from None
    except OSError as error:
        raise ValueError(f"{text} can't be read ({error.strerror})") from None
    return text


def directory(text: str) -> str:
    """A directory that is there."""
    if not Path(text).is_dir():
        raise ValueError(f"{text} is no directory")
    return text


def proxy(text: str) -> str:
    """The address of a proxy. It can hold a password, so none of it is quoted."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be the address of a proxy that starts with http:// or https://")
    if not _host_and_port(text):
        raise ValueError("must name a host, and a port that is a number: http://proxy.example:3128")
    return text


def not_proxied(text: str) -> str:
    """Hosts that are reached without a proxy, comma-separated."""
    for item in (part.strip() for part in text.split(",")):
        if item and not _address(item) and not _host_and_port(f"//{item.rpartition('://')[2]}"):
            raise ValueError(f"names {item!r}, which is no host")
    return text


def _host_and_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.port != 0)
    except ValueError:
        return False


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def regex(expression: str, wrong: str) -> Callable[[str], str]:
    """Text that the whole of a regular expression matches."""

    def check(text: str) -> str:
        if not re.fullmatch(expression, text):
            raise ValueError(f"{text!r} {wrong}")
        return text

    return check


class Between:
    """A whole number within bounds."""

    def __init__(self, lowest: int, highest: int) -> None:
        """Take whatever is from `lowest` to `highest`."""
        self.lowest, self.highest = lowest, highest

    def __call__(self, text: str) -> int:
        """Check a text."""
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
        if number is None or not self.lowest <= number <= self.highest:
            raise ValueError(f"{text!r} is no whole number from {self.lowest} to {self.highest}")
        return number


def one_of(words: Iterable[Word]) -> Callable[[str], Word]:
    """One of the words, whatever its case."""
    known = {word.lower(): word for word in words}

    def check(text: str) -> Word:
        if text.lower() not in known:
            raise ValueError(f"{text!r} is none of {', '.join(known.values())}")
        return known[text.lower()]

    return check


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
