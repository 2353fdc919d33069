"""`REDIS_URL`: where the database is, in the forms that a deployment has.

    redis://[user:password@]host[:6379][/db]                    one server
    unix://[user:password@]/path/to/socket[?db=0]               one server, on this machine
    redis+sentinel://[…@]host[:26379],host…/master[/db]         behind Sentinel
    redis+cluster://[…@]host[:6379],host…                       a cluster; any of its nodes

With `rediss` in place of `redis` the connection is encrypted and the server's certificate
verified; `?ssl_ca_certs=/path/to/ca.pem` names an authority of your own. Sentinels with a
password of their own take `?sentinel_password=…` (and `sentinel_username`). User, password and
these options are percent-encoded, as everywhere in URLs.
"""

from enum import StrEnum
from urllib.parse import parse_qsl, unquote

from msgspec.structs import replace
from redis.asyncio.connection import parse_url

from bot.config.secret import Secret
from bot.models import Value

Host = tuple[str, int]

_REDIS_PORT = 6379
_SENTINEL_PORT = 26379


class RedisKind(StrEnum):
    """How the database is laid out."""

    STANDALONE = "standalone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class RedisTarget(Value, frozen=True):
    """A parsed `REDIS_URL`. `path` is a Unix socket's; `hosts` is empty then."""

    kind: RedisKind
    hosts: tuple[Host, ...] = ()
    path: str = ""
    db: int = 0
    master: str = ""
    username: str = ""
    password: Secret | None = None
    sentinel_username: str = ""
    sentinel_password: Secret | None = None
    tls: bool = False
    ca_file: str = ""

    @property
    def where(self) -> str:
        """The place in words that may be logged."""
        return self.path or ",".join(f"{host}:{port}" for host, port in self.hosts)


_SCHEMES = {
    "redis": (RedisKind.STANDALONE, False),
    "rediss": (RedisKind.STANDALONE, True),
    "unix": (RedisKind.STANDALONE, False),
    "redis+sentinel": (RedisKind.SENTINEL, False),
    "rediss+sentinel": (RedisKind.SENTINEL, True),
    "redis+cluster": (RedisKind.CLUSTER, False),
    "rediss+cluster": (RedisKind.CLUSTER, True),
}


def parse(url: str) -> RedisTarget:
    """Read a URL in one of the forms above.

    redis-py reads logins, hosts and ports. It knows no lists of hosts, and takes what it does not
    understand for the default: so the rest is read here, and refused where it is wrong.

    Raises:
        ValueError: It has none of them. The words say why and never quote the URL's secrets.
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme not in _SCHEMES:
        raise ValueError(f"must start with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
    kind, tls = _SCHEMES[scheme]
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    options = _options(query, kind, tls=tls, socket=scheme == "unix")
    who = parse_url(f"unix://{login}{at}/")
    common = RedisTarget(
        kind=kind,
        tls=tls,
        username=who.get("username", ""),
        password=_secret(who.get("password", "")),
        sentinel_username=options.get("sentinel_username", ""),
        sentinel_password=_secret(options.get("sentinel_password", "")),
        ca_file=options.get("ssl_ca_certs", ""),
    )
    if scheme == "unix":
        return _on_socket(common, hosts, slash + path, options)
    return _on_network(common, hosts, path)


def _on_socket(target: RedisTarget, hosts: str, path: str, options: dict[str, str]) -> RedisTarget:
    if hosts or path in ("", "/"):
        raise ValueError("must name the socket by its whole path: unix:///path/to/socket")
    return replace(target, path=unquote(path), db=_db(options.get("db", "")))


def _on_network(target: RedisTarget, hosts: str, path: str) -> RedisTarget:
    port = _SENTINEL_PORT if target.kind is RedisKind.SENTINEL else _REDIS_PORT
    places = tuple(_host(item, port) for item in hosts.split(","))
    match target.kind:
        case RedisKind.STANDALONE:
            if len(places) > 1:
                raise ValueError("names several hosts: use redis+sentinel:// or redis+cluster://")
            return replace(target, hosts=places, db=_db(path))
        case RedisKind.CLUSTER:
            if path.strip("/"):
                raise ValueError("must not name a database: a cluster has only 0")
            return replace(target, hosts=places)
        case RedisKind.SENTINEL:
            master, _, db = path.partition("/")
            if not master:
                raise ValueError("must name the master: redis+sentinel://host:26379/mymaster")
            return replace(target, hosts=places, master=unquote(master), db=_db(db))


def _host(item: str, default: int) -> Host:
    if not item.strip():
        raise ValueError("must name a host")
    try:
        found = parse_url(f"redis://{item.strip()}")
    except ValueError:
        found = {}
    host, port = found.get("host", ""), found.get("port", default)
    written = f"[{host}]" if ":" in host else host
    if item.strip().lower() not in (written, f"{written}:{port}"):
        # What looks like a port can be the rest of a password: it is not quoted.
        raise ValueError(
            "has a port that is no number from 1 to 65535 "
            "(are the signs /, ?, #, @ and : in the password percent-encoded?)"
        )
    return host, port


def _db(text: str) -> int:
    digits = text.strip("/")
    if digits and not digits.isdecimal():
        raise ValueError("must end in the number of a database, such as /0")
    return int(digits or 0)


def _options(query: str, kind: RedisKind, *, tls: bool, socket: bool) -> dict[str, str]:
    allowed = {
        "db": socket,
        "ssl_ca_certs": tls,
        "sentinel_username": kind is RedisKind.SENTINEL,
        "sentinel_password": kind is RedisKind.SENTINEL,
    }
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if not allowed.get(name):
            raise ValueError(f"has an option that does not apply here: {name!r}")
    return options


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None
