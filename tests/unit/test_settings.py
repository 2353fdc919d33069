"""The environment: what is accepted, what is refused, and with which words."""

import copy
import pickle
import re
import ssl
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from bot.config.redis_url import RedisKind, RedisTarget, parse
from bot.config.secret import Secret
from bot.config.settings import NETWORK, LogFormat, Settings
from bot.errors import SettingsError
from bot.models import People

ENOUGH = {
    "SLACK_BOT_TOKEN": "xoxb-1-invented",
    "SLACK_SIGNING_SECRET": "0123456789abcdef",
    "VCO_APPROVERS": "S0NETOPS, U0BOB",
}


def settings(**more: str) -> Settings:
    return Settings.from_env(ENOUGH | more)


def problems(**more: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        settings(**more)
    return refused.value.lines


def test_three_variables_are_enough_and_the_rest_has_defaults() -> None:
    read = settings()
    assert not read.socket_mode
    assert read.slack_api_url == "https://slack.com/api/"
    assert read.redis == RedisTarget(kind=RedisKind.STANDALONE, hosts=(("127.0.0.1", 6379),))
    assert read.approvers == People(users=("U0BOB",), groups=("S0NETOPS",))
    assert read.policy_file is None
    assert (read.region, read.vpc_endpoint, read.approval_channel) == (None, None, None)
    assert (read.approval_timeout, read.operation_timeout) == (1800, 600)
    assert (read.lease, read.token_window) == (30, 600)
    assert (read.host, read.port) == ("127.0.0.1", 3000)
    assert (read.log_format, read.log_level) == (LogFormat.JSON, "INFO")
    assert read.warnings == ()


def test_every_variable_can_be_set() -> None:
    read = settings(
        SLACK_APP_TOKEN="xapp-1-invented",
        SLACK_API_URL="http://127.0.0.1:4000/api/",
        REDIS_URL="redis://cache:6380/2",
        ALIBABA_CLOUD_REGION_ID="ap-southeast-1",
        ALIBABA_CLOUD_VPC_ENDPOINT="http://localhost:4001",
        VCO_APPROVAL_CHANNEL="C0NETWORK",
        VCO_APPROVAL_TIMEOUT="60",
        VCO_OPERATION_TIMEOUT="86400",
        VCO_LEASE="5",
        VCO_TOKEN_WINDOW="300",
        HOST="0.0.0.0",  # noqa: S104 - what the container image sets
        PORT="8080",
        LOG_FORMAT="Console",
        LOG_LEVEL="debug",
    )
    assert read.socket_mode
    assert read.slack_api_url == "http://127.0.0.1:4000/api/"
    assert (read.redis.hosts, read.redis.db) == ((("cache", 6380),), 2)
    assert read.region == "ap-southeast-1"
    assert read.vpc_endpoint == "http://localhost:4001"
    assert read.approval_channel == "C0NETWORK"
    assert (read.approval_timeout, read.operation_timeout) == (60, 86400)
    assert (read.lease, read.token_window) == (5, 300)
    assert (read.host, read.port) == ("0.0.0.0", 8080)  # noqa: S104 - as above
    assert (read.log_format, read.log_level) == (LogFormat.CONSOLE, "DEBUG")


def test_a_person_at_a_terminal_reads_the_console_format() -> None:
    assert Settings.from_env(ENOUGH, terminal=True).log_format is LogFormat.CONSOLE
    piped = ENOUGH | {"LOG_FORMAT": "json"}
    assert Settings.from_env(piped, terminal=True).log_format is LogFormat.JSON


def test_an_empty_environment_is_told_all_that_it_lacks_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({})
    assert [line.partition(":")[0] for line in refused.value.lines] == [
        "SLACK_BOT_TOKEN",
        "VCO_APPROVERS",
        "SLACK_SIGNING_SECRET",
    ]
    assert all("is not set" in line and "\n" not in line for line in refused.value.lines)


def test_blank_values_are_unset_and_blanks_around_values_are_dropped() -> None:
    assert settings(VCO_APPROVAL_CHANNEL="  ").approval_channel is None
    assert settings(PORT=" 8080\n").port == 8080
    assert "is not set" in problems(VCO_APPROVERS=" ")[0]


def test_socket_mode_needs_no_signing_secret() -> None:
    assert settings(SLACK_SIGNING_SECRET="", SLACK_APP_TOKEN="xapp-1-invented").socket_mode


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SLACK_BOT_TOKEN", "xapp-1-swapped", "must start with xoxb-"),
        ("SLACK_BOT_TOKEN", '"xoxb-quoted"', "without quotes"),
        ("SLACK_BOT_TOKEN", "xoxb-two words", "copy it again"),
        ("SLACK_BOT_TOKEN", "xoxb-", "cut off"),
        ("SLACK_APP_TOKEN", "xoxb-swapped", "must start with xapp-"),
        ("SLACK_API_URL", "https://slack.com/api", "must end in /"),
        ("SLACK_API_URL", "http://slack.com/api/", "plain http:// only goes to this machine"),
        ("SLACK_API_URL", "slack.com/api/", "starts with https://"),
        ("SLACK_API_URL", "https://user@slack.com/api/", "must have no user"),
        ("SLACK_API_URL", "https://slack.com:port/api/", "ort"),
        ("REDIS_URL", "http://cache", "must start with one of redis://"),
        ("ALIBABA_CLOUD_REGION_ID", "Hangzhou", "'Hangzhou' is no region ID"),
        ("ALIBABA_CLOUD_VPC_ENDPOINT", "http://vpc.aliyuncs.com", "must start with https://"),
        ("ALIBABA_CLOUD_VPC_ENDPOINT", "http://127.0.0.1.evil.example", "must start with https://"),
        ("ALIBABA_CLOUD_VPC_ENDPOINT", "https://vpc.{zone}.aliyuncs.com", "no valid host name"),
        ("VCO_APPROVERS", "U0BOB,@netops", "'@netops' is no ID"),
        ("VCO_APPROVERS", ",", "names nobody"),
        ("VCO_APPROVAL_CHANNEL", "#ops", "'#ops' is no channel ID"),
        ("VCO_APPROVAL_CHANNEL", "D0DIRECT", "is no channel ID"),
        ("VCO_APPROVAL_TIMEOUT", "59", "from 60 to 86400"),
        ("VCO_APPROVAL_TIMEOUT", "30m", "'30m' is no whole number"),
        ("VCO_OPERATION_TIMEOUT", "86401", "from 30 to 86400"),
        ("VCO_OPERATION_TIMEOUT", "-600", "from 30 to 86400"),
        ("VCO_LEASE", "0", "from 1 to 300"),  # tests shorten it: see `test_serving`
        ("HTTPS_PROXY", "proxy.example:3128", "starts with http:// or https://"),
        ("https_proxy", "http://proxy.example:port", "a port that is a number"),
        ("HTTP_PROXY", "http://", "must name a host"),
        ("HTTP_PROXY", "http://[::1", "must name a host"),
        ("ALL_PROXY", "socks5://proxy.example:1080", "starts with http:// or https://"),
        ("NO_PROXY", "good.example, [::1", "'[::1', which is no host"),
        ("NO_PROXY", "cache:port", "'cache:port', which is no host"),
        ("SSL_CERT_FILE", "/no/such.pem", "/no/such.pem can't be read (No such file"),
        ("SSL_CERT_FILE", __file__, "holds no certificate"),
        ("SSL_CERT_DIR", "/no/such", "/no/such is no directory"),
        ("REDIS_URL", "rediss://h?ssl_ca_certs=/no/such.pem", "/no/such.pem can't be read"),
        ("REDIS_URL", f"rediss://h?ssl_ca_certs={__file__}", "holds no certificate"),
        ("VCO_TOKEN_WINDOW", "٣٠٠", "is no whole number"),
        ("HOST", "http://here", "is no address"),
        ("PORT", "0", "from 1 to 65535"),
        ("LOG_FORMAT", "xml", "'xml' is none of console, json"),
        ("LOG_LEVEL", "LOUD", "'LOUD' is none of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", '"quoted"', "without quotes"),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_the_mend(name: str, value: str, words: str) -> None:
    lines = problems(**{name: value})
    assert any(line.startswith(f"{name}: ") and words in line for line in lines)


def test_the_password_of_a_proxy_is_told_nobody() -> None:
    lines = problems(HTTPS_PROXY="http://user:hunter2@proxy.example:port")
    assert lines
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://user:p%40ss@proxy.example:3128"),
        ("https_proxy", "https://proxy.example"),
        ("HTTPS_PROXY", "  "),
        ("NO_PROXY", "localhost,.example,10.0.0.0/8,::1,[::1]:80,cache:6379,*, http://x.example"),
        ("SSL_CERT_FILE", ssl.get_default_verify_paths().openssl_cafile),
        ("SSL_CERT_DIR", "/"),
    ],
)
def test_what_leads_out_of_a_company_may_be_set(name: str, value: str) -> None:
    if name == "SSL_CERT_FILE" and not Path(value).is_file():
        pytest.skip("this machine has no certificates")
    assert not settings(**{name: value}).warnings


def test_a_policy_file_stands_in_for_the_approvers() -> None:
    """What is in it is looked at when the bot is put together, not here."""
    read = settings(VCO_POLICY_FILE="/etc/vco.toml", VCO_APPROVERS="")
    assert (read.policy_file, read.approvers) == ("/etc/vco.toml", People())


def test_of_a_policy_file_and_approvers_one_has_to_go() -> None:
    assert problems(VCO_POLICY_FILE="/etc/vco.toml") == [
        "VCO_APPROVERS: is set, and so is VCO_POLICY_FILE, which says who approves: unset one"
    ]
    assert "or a policy in VCO_POLICY_FILE" in problems(VCO_APPROVERS="")[0]


@pytest.mark.parametrize("half", ["ID", "SECRET"])
def test_half_an_access_key_is_refused(half: str) -> None:
    lines = problems(**{f"ALIBABA_CLOUD_ACCESS_KEY_{half}": "invented"})
    assert len(lines) == 1
    assert f"ALIBABA_CLOUD_ACCESS_KEY_{half} is: set both" in lines[0]


def test_all_problems_are_told_together() -> None:
    lines = problems(PORT="x", LOG_LEVEL="x", SLACK_BOT_TOKEN="x", VCO_APPROVERS="x")
    assert {line.partition(":")[0] for line in lines} == {
        *("PORT", "LOG_LEVEL", "SLACK_BOT_TOKEN", "VCO_APPROVERS")
    }


def test_refusals_never_quote_a_secret() -> None:
    lines = problems(
        SLACK_BOT_TOKEN="hunter2-bot",
        SLACK_APP_TOKEN="hunter2-app",
        REDIS_URL="redis://user:hunter2/x@host:1/0",
    )
    assert len(lines) == 3
    assert "hunter2" not in "\n".join(lines)


def test_a_typo_in_one_of_our_variables_is_not_silent() -> None:
    read = settings(VCO_APPROVAL_TIMOUT="60", VCO_XYZZY="1")
    assert read.warnings == (
        "VCO_APPROVAL_TIMOUT: there is no such setting; did you mean VCO_APPROVAL_TIMEOUT?",
        "VCO_XYZZY: there is no such setting",
    )


def test_the_settings_can_be_printed_and_never_show_or_encode_a_secret() -> None:
    read = settings(REDIS_URL="redis://:hunter2@cache/0", SLACK_APP_TOKEN="xapp-1-hunter2")
    assert "hunter2" not in repr(read)
    assert "xoxb-" not in f"{read}"
    with pytest.raises(TypeError):
        msgspec.json.encode(read)


def test_all_secrets_are_handed_on_to_be_masked() -> None:
    read = settings(
        SLACK_APP_TOKEN="xapp-app",
        REDIS_URL="redis+sentinel://:data@s1/main?sentinel_password=guard",
        ALIBABA_CLOUD_ACCESS_KEY_ID="LTAIinvented",
        ALIBABA_CLOUD_ACCESS_KEY_SECRET="cloud",
        ALIBABA_CLOUD_SECURITY_TOKEN="sts",
    )
    assert {secret.reveal() for secret in read.secrets} == {
        *("xoxb-1-invented", "0123456789abcdef", "xapp-app", "data", "guard", "cloud", "sts")
    }


def test_a_secret_shows_itself_only_when_asked() -> None:
    hidden = Secret("hunter2")
    shown = (str(hidden), repr(hidden), f"{hidden}", f"{hidden:>20}", "%s" % hidden, f"{[hidden]}")  # noqa: UP031 - what libraries do
    assert set(shown) == {"***", "[***]"}
    assert hidden.reveal() == "hunter2"
    assert hidden == Secret("hunter2") != Secret("other")
    assert hidden != "hunter2"
    assert len({hidden, Secret("hunter2")}) == 1
    assert copy.copy(hidden) == copy.deepcopy(hidden) == hidden
    with pytest.raises(TypeError):
        pickle.dumps(hidden)


README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_table_in_the_readme_has_every_variable_and_its_default() -> None:
    """A table of settings that has drifted from the code is worse than none."""
    table = README.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = {
        name: row
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([A-Z_]{4,})`", row)
    }
    declared = {one.name: field for field, one in Settings.variables().items()}
    declared |= {one.name: "" for one in NETWORK if one.name.isupper()}
    assert declared.keys() <= rows.keys()
    assert {name for name in rows if name.startswith("VCO_")} <= declared.keys()
    defaults = {field.name: field.default for field in fields(Settings)}
    for name, of in declared.items():
        if of and isinstance(default := defaults[of], int | str) and name != "LOG_FORMAT":
            assert str(default) in rows[name], f"{name} is {default} where nothing is set"


# --- REDIS_URL -----------------------------------------------------------------------


def test_one_server_with_a_login_and_a_database() -> None:
    assert parse("redis://bot:p%40ss%2F@cache:6380/3") == RedisTarget(
        kind=RedisKind.STANDALONE,
        hosts=(("cache", 6380),),
        db=3,
        username="bot",
        password=Secret("p@ss/"),
    )


def test_an_encrypted_server_with_an_authority_of_its_own() -> None:
    target = parse("rediss://:pw@[2001:db8::1]:6390?ssl_ca_certs=%2Fetc%2Fca.pem")
    assert (target.tls, target.ca_file) == (True, "/etc/ca.pem")
    assert target.hosts == (("2001:db8::1", 6390),)
    assert parse("rediss://[::1]").hosts == (("::1", 6379),)


def test_a_socket_on_this_machine() -> None:
    target = parse("unix://:pw@/run/valkey/valkey.sock?db=1")
    assert (target.path, target.db, target.hosts) == ("/run/valkey/valkey.sock", 1, ())
    assert target.password == Secret("pw")
    assert target.where == "/run/valkey/valkey.sock"


def test_sentinels_and_their_master() -> None:
    target = parse("rediss+sentinel://bot:pw@s1,s2:26380/mymaster/2?sentinel_password=other")
    assert target.kind is RedisKind.SENTINEL
    assert target.hosts == (("s1", 26379), ("s2", 26380))
    assert (target.master, target.db, target.tls) == ("mymaster", 2, True)
    assert target.sentinel_password == Secret("other")
    assert parse("redis+sentinel://s1/mymaster").db == 0


def test_a_cluster_by_some_of_its_nodes() -> None:
    target = parse("redis+cluster://:pw@n1,n2:7000")
    assert (target.kind, target.hosts) == (RedisKind.CLUSTER, (("n1", 6379), ("n2", 7000)))
    assert target.where == "n1:6379,n2:7000"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("cache:6379", "must start with one of"),
        ("redis://", "must name a host"),
        ("redis://a,b/0", "use redis+sentinel:// or redis+cluster://"),
        ("redis://cache:70000", "no number from 1 to 65535"),
        ("redis://cache:", "no number from 1 to 65535"),
        ("redis://[::1]6379", "no number from 1 to 65535"),
        ("redis://cache/zero", "number of a database"),
        ("rediss://cache?ssl_cert_reqs=none", "does not apply here: 'ssl_cert_reqs'"),
        ("redis://cache?ssl_ca_certs=/x", "does not apply here: 'ssl_ca_certs'"),
        ("unix://", "whole path"),
        ("unix://run/valkey.sock", "whole path"),
        ("redis+sentinel://s1", "must name the master"),
        ("redis+cluster://n1/1", "has only 0"),
    ],
)
def test_other_addresses_are_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(url)
