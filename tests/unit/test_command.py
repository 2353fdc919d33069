"""The text of a command, as it really arrives, becomes exactly one draft or a helpful error."""

import html
import ipaddress

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.command import (
    MAX_CIDRS,
    MAX_REASON,
    MAX_TEXT,
    VERBS,
    Cancel,
    Command,
    Delete,
    DeleteForm,
    Help,
    History,
    ListRoutes,
    Restore,
    Status,
    help_text,
    parse,
    render,
)
from bot.command.commands import spelled
from bot.command.text import plain
from bot.errors import CommandError
from bot.models import Draft

HOME = "cn-hangzhou"
BARE = "delete vco-p0w 10.0.0.0/8 10.1.0.0/16"
PLAIN = BARE + ' --weight 100 --reason "leaking prod, INC-4211"'


def drafted(text: str) -> Draft:
    command = parse(text, default_region=HOME)
    assert isinstance(command, Delete)
    return command.draft


def refused(text: str, region: str | None = HOME) -> CommandError:
    with pytest.raises(CommandError) as caught:
        parse(text, default_region=region)
    return caught.value


def test_a_plain_command_says_everything_there_is_to_say() -> None:
    draft = drafted(
        "delete vco-p0w 10.0.0.0/8 ::/0 --weight 0 --next-hop vco-n3x --region us-east-1"
        ' --overlay-mode ipsec --reason "said \\"go\\""'
    )
    assert draft == Draft(
        vpn_connection_id="vco-p0w",
        route_dests=("10.0.0.0/8", "::/0"),
        region="us-east-1",
        weight=0,
        next_hop="vco-n3x",
        overlay_mode="Ipsec",
        reason='said "go"',
    )


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        # long dashes and what else stands for two hyphens
        BARE + " \u2014weight 100 \u2014reason “leaking prod, INC-4211”",
        BARE + " \u2013weight=100 \u2015reason=„leaking prod, INC-4211“",
        BARE + " \u2212\u2212weight 100 -reason «leaking prod, INC-4211»",
        # blanks that are none, and none where there seem to be
        PLAIN.replace(" ", "\u00a0"),
        PLAIN.replace(" ", " \u3000\t\n\u202f"),
        "\ufeff" + PLAIN.replace("vco", "v\u200bc\u00ado").replace("/", "\u2060/"),
        # Slack's links and code
        PLAIN.replace("10.0.0.0/8", "<http://10.0.0.0/8|10.0.0.0/8>"),
        PLAIN.replace("10.0.0.0/8", "<http://10.0.0.0|10.0.0.0>/8"),
        PLAIN.replace("10.0.0.0/8", "<http://10.0.0.0/8>"),
        PLAIN.replace("10.0.0.0/8", "<tel:10.0.0.0/8|10.0.0.0/8>"),
        PLAIN.replace("10.0.0.0/8", "`10.0.0.0/8`").replace("vco-p0w", "*vco-p0w*"),
        PLAIN.replace("vco-p0w", "&lt;vco-p0w&gt;"),
        # lists, quotes, case, order
        PLAIN.replace("10.0.0.0/8 ", "10.0.0.0/8, "),
        PLAIN.replace("10.0.0.0/8 ", "10.0.0.0/8,"),
        PLAIN.replace("10.0.0.0/8 10.1.0.0/16", '"10.0.0.0/8", "10.1.0.0/16"'),
        PLAIN.replace("10.1.0.0/16", "10.1.0.0/16 10.0.0.0/8"),
        PLAIN.replace("vco-p0w", "VCO-P0W").replace("delete", "Delete"),
        PLAIN.replace("vco-p0w", "vco\u2011p0w"),
        PLAIN.replace("--weight", "--WEIGHT").replace("--reason", "--Reason:"),
        "--weight 100 delete --reason 'leaking prod, INC-4211' vco-p0w 10.0.0.0/8 10.1.0.0/16",
        "/vco-route " + PLAIN,
        # full-width, from an Asian keyboard
        PLAIN.translate({ord(c): ord(c) + 0xFEE0 for c in '/"='}).replace(
            "100", "\uff11\uff10\uff10"
        ),
        PLAIN.replace("8 10", "8\u300110").replace("--weight ", "\uff0d\uff0dweight\uff1d"),
        # people under stress don't quote, or forget to close
        BARE + " --reason leaking prod, INC-4211 --weight 100",
        BARE + ' --weight 100 --reason "leaking prod, INC-4211',
        BARE + ' --reason "leaking prod, INC-4211 --weight 100',
    ],
)
def test_noise_does_not_change_the_draft(text: str) -> None:
    assert drafted(text) == drafted(PLAIN)
    assert drafted(text).reason == "leaking prod, INC-4211"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("it's the customer's", "it's the customer's"),
        ("\u2018it\u2019s bad\u2019", "it's bad"),
        ("see “big route” now", 'see "big route" now'),
        ("bad route \u2014 see INC-1", "bad route \u2014 see INC-1"),
        ("bad route \u2013see INC-1", "bad route \u2013see INC-1"),
        ("the '90s kit", "the '90s kit"),
        ("ask <@U123|alice> in <#C1|net>", "ask @alice in #net"),
        ("<@U123> <#C1> <#C1|> <!here> <!subteam^S1|@netops>", "@U123 #C1 #C1 @here @netops"),
        ("<https://x.example/a?b=1&amp;c=2>", "https://x.example/a?b=1&c=2"),
        ("<mailto:a@b.example|a@b.example> or <tel:12>", "a@b.example or 12"),
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&lt;!channel&gt; &amp;lt;@U1&amp;gt;", "@channel @U1"),
        ("turned\u202earound\ud800", "turnedaround"),
        ("泄漏\uff0c请删除", "泄漏\uff0c请删除"),
    ],
)
def test_a_reason_is_kept_as_plain_harmless_text(typed: str, reason: str) -> None:
    assert drafted(f"delete vco-p0w 10.0.0.0/8 --reason {typed}").reason == reason
    assert drafted(f"delete vco-p0w 10.0.0.0/8 --reason {typed} --weight 0").weight == 0


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        (" \u200b\u3000", Help()),
        ("HELP", Help()),
        ("--help", Help()),
        ("-h", Help()),
        ("help rm", Help(topic="delete")),
        ("delete --help", Help(topic="delete")),
        ("delete help", Help(topic="delete")),
        ("help nonsense", Help()),
        ("delete", DeleteForm()),
        ("delete VCO-a", DeleteForm(vpn_connection_id="vco-a")),
        ("delete office-a --reason bad route --region us-east-1",
         DeleteForm(connection_name="office-a", reason="bad route", region="us-east-1")),
        ('delete "Büro  Köln 2"', DeleteForm(connection_name="Büro Köln 2")),
        ("list office-a", ListRoutes(vpn_connection_id="", region="", connection_name="office-a")),
        ("list “Büro Köln” --region us-east-1",
         ListRoutes(vpn_connection_id="", region="us-east-1", connection_name="Büro Köln")),
        ("delete \u2014region US-east-1", DeleteForm(region="us-east-1")),
        ("list `VCO-p0w`", ListRoutes(vpn_connection_id="vco-p0w", region=HOME)),
        ("list vco-a \u2014region=rus-west-1",
         ListRoutes(vpn_connection_id="vco-a", region="rus-west-1")),
        ("list vco-a --region cn-north-2-gov-1",
         ListRoutes(vpn_connection_id="vco-a", region="cn-north-2-gov-1")),
        ("status", Status()),
        ("Status R-7K2M9X4Q.", Status(request_id="r-7k2m9x4q")),
        ("cancel r-7k2m9x4q", Cancel(request_id="r-7k2m9x4q")),
        ("restore R\u20117K2M9X4Q", Restore(request_id="r-7k2m9x4q")),
        ("restore r-abcdefghij --reason right after all",
         Restore(request_id="r-abcdefghij", reason="right after all")),
        ("\u2014break\u2011glass restore r-7k2m9x4q \u2014reason \u201cprod is dark\u201d",
         Restore(request_id="r-7k2m9x4q", reason="prod is dark", break_glass=True)),
        ("history", History()),
        ("history R-7K2M9X4Q", History(about="r-7k2m9x4q")),
        ("history r-abcdefghij", History(about="r-abcdefghij")),
        ("history `VCO-p0w`,", History(about="vco-p0w")),
        ("history <http://10.0.0.0/8|10.0.0.0/8>", History(about="10.0.0.0/8")),
        ("history <http://10.1.2.3|10.1.2.3>", History(about="10.1.2.3/32")),
        ("history 10.1.2.3/", History(about="10.1.2.3/32")),
        ("history FD00:0::1", History(about="fd00::1/128")),
        ("history ::/0", History(about="::/0")),
        ("help who", Help(topic="history")),
        ("restore --help", Help(topic="restore")),
    ],
)  # fmt: skip
def test_every_verb_is_read(text: str, command: Command) -> None:
    assert parse(text, default_region=HOME) == command


ASK = "delete vco-a 10.0.0.0/8"
DEL = f"/vco-route {ASK}"
BAD = f'{DEL} --reason "bad route"'
GLASS = f"{BAD} --break-glass"
LIST = "/vco-route list vco-a"
PUT_BACK = "/vco-route restore r-7k2m9x4q"
OF_BLOCK = "/vco-route history 10.0.0.0/8"


@pytest.mark.parametrize(
    ("text", "word", "says", "corrected"),
    [
        # verbs
        ("delet vco-a 10.0.0.0/8", "delet", "Did you mean `delete`?", DEL),
        ("rm vco-a 10.0.0.0/8", "rm", "is called `delete`", DEL),
        ("ls vco-a", "ls", "is called `list`", LIST),
        ("show vco-a", "show", "is called `list`", LIST),
        ("xyzzy", "xyzzy", "The commands are `delete`", ""),
        ("vco-a 10.0.0.0/8", "vco-a", "starts with a verb", DEL),
        ("vco-a", "vco-a", "starts with a verb", LIST),
        ("--weight 100", "--weight", "starts with a verb", ""),
        ("undo r-7k2m9x4q", "undo", "is called `restore`", PUT_BACK),
        ("recreate r-7k2m9x4q", "recreate", "is called `restore`", PUT_BACK),
        ("who 10.1.2.3", "who", "is called `history`", "/vco-route history 10.1.2.3/32"),
        ("logs", "logs", "Did you mean `history`?", "/vco-route history"),
        # what was never deleted here can't be made here
        ("create r-7k2m9x4q", "create", "only what was deleted here", PUT_BACK),
        ("add vco-a 10.0.0.0/8 --weight 0", "add", "only what was deleted here", OF_BLOCK),
        ("creat vco-a", "creat", "only what was deleted here", "/vco-route history vco-a"),
        ("create", "create", "only what was deleted here", "/vco-route history"),
        # CIDR blocks
        ("delete vco-a 10.1.2.3/8", "10.1.2.3/8", "the block is `10.0.0.0/8`", DEL),
        ("delete vco-a 10.1.2.3", "10.1.2.3", "is `10.1.2.3/32`",
         "/vco-route delete vco-a 10.1.2.3/32"),
        ("delete vco-a FD00::1", "FD00::1", "is `fd00::1/128`",
         "/vco-route delete vco-a fd00::1/128"),
        ("delete vco-a 10.0.0.0/255.0.0.0", "10.0.0.0/255.0.0.0", "has a mask", DEL),
        ("delete vco-a 10.0.0.0/33", "10.0.0.0/33", "no CIDR block", ""),
        ("delete vco-a 10.0.0.256/24", "10.0.0.256/24", "no CIDR block", ""),
        ("delete vco-a 10.0.0/8", "10.0.0/8", "no CIDR block", ""),
        ("delete vco-a prod", "prod", "no CIDR block", ""),
        ("delete vco-a --weight 0", "vco-a", "CIDR block is missing", ""),
        ("delete office --weight 0", "office", "CIDR block is missing", ""),
        # the connection
        ("delete 10.0.0.0/8 vco-a", "vco-a", "Swapped", DEL),
        ("delete 10.0.0.0/8", "10.0.0.0/8", "Which connection?", ""),
        ("delete vpn-a 10.0.0.0/8", "vpn-a", "is a VPN gateway", ""),
        ("delete vpnconn-a 10.0.0.0/8", "vpnconn-a", "IPsec-VPN connection is a `vco-…`", ""),
        ("delete vco_a 10.0.0.0/8", "vco_a", "no whole connection id", DEL),
        ("delete vco-p0w5112f**** 10.0.0.0/8", "vco-p0w5112f****", "no whole connection id", ""),
        ("delete vco-p0w... 10.0.0.0/8", "vco-p0w...", "no whole connection id", ""),
        ("delete 10.0.0.0/8 office-a", "office-a", "Swapped",
         "/vco-route delete office-a 10.0.0.0/8"),
        ("delete 10.0.0.0/8 from prod", "10.0.0.0/8", "Which connection?", ""),
        ("delete office a 10.0.0.0/8", "a", "needs quotes",
         '/vco-route delete "office a" 10.0.0.0/8'),
        ("delete the office a", "office", "needs quotes", '/vco-route delete "the office a"'),
        ("delete office-a 10.0.0.0/8 bad route", "bad", "Part of the reason?",
         '/vco-route delete office-a 10.0.0.0/8 --reason "bad route"'),
        ("delete weight 100 10.0.0.0/8", "weight", "is a flag", ""),
        ("delete fab4 10.0.0.0/33", "10.0.0.0/33", "no CIDR block", ""),
        ("list office a", "a", "needs quotes", '/vco-route list "office a"'),
        ("list office-a 10.0.0.0/8", "10.0.0.0/8", "does not know", "/vco-route list office-a"),
        ("delete vco-a vco-b 10.0.0.0/8", "vco-b", "One connection at a time", ""),
        ("delete vco-a VCO-a 10.0.0.0/8", "VCO-a", "One connection at a time", DEL),
        ("list 10.0.0.0/8", "10.0.0.0/8", "is an address", ""),
        ("list r-7k2m9x4q", "r-7k2m9x4q", "is a request", ""),
        ("list", "list", "Which connection?", ""),
        ("list vco-a vco-b", "vco-b", "does not know what to do", LIST),
        # words that are nothing
        (f"{ASK} bad route", "bad", "Part of the reason?", BAD),
        (f"{ASK} reason: bad route", "reason:", "Part of the reason?", BAD),
        (f'{ASK} --reason "bad" route', "route", "Part of the reason?", BAD),
        (f"{ASK} \u2014 weight 100", "weight", "is a flag", f"{DEL} --weight 100"),
        ('delete "vco-a 10.0.0.0/8', "vco-a", "never closed", DEL),
        (f'{ASK} --region "us-east-1', "us-east-1", "never closed", f"{DEL} --region us-east-1"),
        # flags
        (f"{ASK} --wieght 0", "--wieght", "There is no `--wieght`", f"{DEL} --weight 0"),
        (f"{ASK} --reason bad route --wieght 7", "--wieght", "There is no `--wieght`", BAD),
        (f"{ASK} --dry-run", "--dry-run", "There is no `--dry-run`", ""),
        (f"{ASK} --weight 0 --weight 100", "--weight", "different values", ""),
        (f"{ASK} --weight 0 \u2014Weight=0", "\u2014Weight", "twice", f"{DEL} --weight 0"),
        (f"{ASK} --weight", "--weight", "needs a value", DEL),
        (f"{ASK} --reason --weight 0", "--reason", "needs a value", f"{DEL} --weight 0"),
        (f"{ASK} --weight=50", "50", "0 or 100", DEL),
        (f"{ASK} --next-hop 1.1.1.1", "1.1.1.1", "A next hop is an id", DEL),
        (f"{ASK} --overlay-mode gre", "gre", "is `Ipsec`", f"{DEL} --overlay-mode Ipsec"),
        (f"{ASK} --region us-east-1a", "us-east-1a", "is a zone", f"{DEL} --region us-east-1"),
        (f"{ASK} --region cn-beijing-h", "cn-beijing-h", "zone", f"{DEL} --region cn-beijing"),
        (f"{ASK} --region evil.example/", "evil.example/", "A region looks like", DEL),
        ("list vco-a --weight 0", "--weight", "`list` takes no", LIST),
        ("delete --weight 0", "delete", "needs a connection and a CIDR block", "/vco-route delete"),
        ("delete --region us-east-1a", "us-east-1a", "zone",
         "/vco-route delete --region us-east-1"),
        ("delete --weight 0 --region us-east-1", "delete", "needs a connection",
         "/vco-route delete --region us-east-1"),
        # break-glass
        (f"{ASK} --break-glass", "--break-glass", "needs a reason", ""),
        (f'{ASK} --break-glass --reason " "', "--reason", "needs a value", ""),
        (f"{ASK} --break-glass --reason .", "--break-glass", "needs a reason", ""),
        (f"{ASK} --break-glass=maybe --reason bad route", "maybe", "stands alone", BAD),
        (f"{ASK} --break-glass=on --reason bad route", "on", "stands alone", GLASS),
        (f"{ASK} --break-glass= --reason bad route", "--break-glass", "needs a value", BAD),
        (f"{ASK} --reason bad route --breakgals", "--breakgals", "There is no", GLASS),
        ("delete --brake-glass vco-a 10.0.0.0/8 --reason bad route", "--brake-glass",
         "There is no", GLASS),
        (f"{ASK} --break-glass bad route", "bad", "Part of the reason?", GLASS),
        (f"{ASK} --reason bad --break-glass route", "route", "Part of the reason?", GLASS),
        (f"{ASK} \u2014 break-glass bad route", "break-glass", "is a flag", GLASS),
        (f"{ASK} break-glass --break-glass=no", "break-glass", "is a flag", DEL),
        (f'{ASK} --reason bad route --break-glass="yes', "yes", "never closed", GLASS),
        (f"{ASK} breakglass=no", "breakglass=no", "Part of the reason?",
         f'{DEL} --reason "breakglass=no"'),
        (f"{GLASS} --break_glass", "--break_glass", "stands twice", GLASS),
        (f"{GLASS} --break-glass=no", "--break-glass", "different values", ""),
        ("list vco-a --break-glass", "--break-glass", "`list` takes no", LIST),
        ("restore r-7k2m9x4q --break-glass", "--break-glass", "needs a reason", ""),
        # restore and history
        ("restore", "restore", "`/vco-route history`", ""),
        ("restore vco-a 10.0.0.0/8", "vco-a", "`/vco-route history vco-a`", ""),
        ("restore 10.1.2.3", "10.1.2.3", "`/vco-route history 10.1.2.3`", ""),
        ("restore r-1", "r-1", "is no request", ""),
        ("restore r-7k2m9x4q vco-a", "vco-a", "does not know what to do", PUT_BACK),
        ("restore r-7k2m9x4q was right", "was", "Part of the reason?",
         f'{PUT_BACK} --reason "was right"'),
        ("restore r-7k2m9x4q reason: was right", "reason:", "Part of the reason?",
         f'{PUT_BACK} --reason "was right"'),
        ("restore r-7k2m9x4q break-glass was right", "break-glass", "is a flag",
         f'{PUT_BACK} --reason "was right" --break-glass'),
        ("restore r-7k2m9x4q weight 0", "weight", "is a flag", PUT_BACK),
        ("restore r-7k2m9x4q --weight 0", "--weight", "`restore` takes no", PUT_BACK),
        ("history 10.1.2.3/8", "10.1.2.3/8", "the block is `10.0.0.0/8`", OF_BLOCK),
        ("history 10.0.0.0/255.0.0.0", "10.0.0.0/255.0.0.0", "has a mask", OF_BLOCK),
        ("history 10.0.0.256", "10.0.0.256", "no CIDR block", ""),
        ("history vpn-a", "vpn-a", "is a VPN gateway", ""),
        ("history vco_a", "vco_a", "no whole connection id", "/vco-route history vco-a"),
        ("history r-1", "r-1", "is no request", ""),
        ("history prod", "prod", "no CIDR block and no connection", ""),
        ("history 10.0.0.0/8 vco-a", "vco-a", "does not know what to do", OF_BLOCK),
        ("history --region us-east-1", "--region", "`history` takes no", "/vco-route history"),
        # requests
        ("cancel", "cancel", "Which request?", ""),
        ("cancel r-1", "r-1", "is no request", ""),
        ("cancel r-7k2m9x4q now", "now", "does not know", "/vco-route cancel r-7k2m9x4q"),
        ("status vco-a", "vco-a", "is no request", ""),
        ("stauts", "stauts", "Did you mean `status`?", "/vco-route status"),
        ("hepl delete", "hepl", "Did you mean `help`?", "/vco-route help delete"),
        # several faults at once: one is told, all are mended
        ("rm 10.1.2.3/8 vco_a --wieght 7 bad route", "rm", "is called `delete`", BAD),
        ("rm 10.1.2.3/8 vpn-a", "rm", "is called `delete`", ""),
        ("list vco-a --region us-east-1a", "us-east-1a", "zone", f"{LIST} --region us-east-1"),
    ],
)  # fmt: skip
def test_an_error_names_the_word_and_shows_the_corrected_command(
    text: str, word: str, says: str, corrected: str
) -> None:
    error = refused(text)
    assert (error.word, error.corrected) == (word, corrected)
    assert says in error.problem
    if corrected:
        parse(corrected.removeprefix("/vco-route "), default_region=HOME)


def test_a_missing_region_names_the_flag_and_the_setting() -> None:
    error = refused("list vco-a", region=None)
    assert error.word == "--region"
    assert "ALIBABA_CLOUD_REGION_ID" in error.problem
    assert refused("list vco-a", region="").word == "--region"


def test_limits_are_told() -> None:
    blocks = [f"10.{n}.0.0/16" for n in range(MAX_CIDRS + 1)]
    assert refused(f"delete vco-a {' '.join(blocks)}").word == blocks[-1]
    assert drafted(f"delete vco-a {' '.join(blocks[:-1])}").route_dests == tuple(blocks[:-1])
    assert str(MAX_REASON) in refused(f"{ASK} --reason {'x' * (MAX_REASON + 1)}").problem
    assert drafted(f"{ASK} --reason {'x' * MAX_REASON}").reason == "x" * MAX_REASON
    assert str(MAX_TEXT) in refused("x" * (MAX_TEXT + 1)).problem


def test_a_long_word_is_quoted_short_and_keeps_the_code_marks_whole() -> None:
    error = refused("delete vco-a " + "1`x" * 500)
    assert len(error.problem) < 120
    assert error.problem.count("`") == 4


def test_help_is_complete_and_safe_as_mrkdwn() -> None:
    text = help_text()
    assert all(f"/vco-route {verb}" in text for verb in VERBS)
    for name, verb in VERBS.items():
        assert all(f"[--{flag}" in help_text(name) for flag in verb.flags)
    assert not set("<>&") & set(text)


# --- for any text --------------------------------------------------------------------

TOKENS = r"""delete list status cancel restore history help rm create vco-a vco_a vpn-a VCO-B2
10.0.0.0/8 10.1.2.3 10.1.2.3/8 ::/0 ::1/64 --weight --weight=0 100 50 --reason --reason="
--region us-east-1 us-east-1a --next-hop --overlay-mode ipsec --wieght --help --break-glass
--break-glass= --breakglas break-glass break glass yes no - — —region “ ” " ' ` , \ \" it's
office-a büro "the office"
&lt; &gt; &amp; &amp;lt; <@U1| <!here> <http:// <# | > r-7k2m9x4q weight reason"""
words = st.sampled_from([*TOKENS.split(), "\u200b", "\u3000", "\ud800", "\uff1d", "\uff11"])
mutated = st.lists(words | st.text(max_size=3), max_size=14)
grown = st.one_of(
    mutated.map(" ".join),
    mutated.map("".join),
    mutated.map(lambda some: " ".join(["delete vco-a ::/0", *some])),
)


def read_or_told(text: str, region: str | None) -> Command | CommandError:
    try:
        return parse(text, default_region=region)
    except CommandError as error:
        return error


@given(st.one_of(st.text(), grown), st.sampled_from([None, "", HOME]))
@example('delete vco-a ::/0 --reason "', HOME)
def test_any_text_is_a_command_or_an_error_whose_correction_works(
    text: str, region: str | None
) -> None:
    told = read_or_told(text, region)
    if isinstance(told, CommandError):
        assert 0 < len(told.problem) < 300
        if told.corrected:
            assert told.corrected.startswith("/vco-route ")
            parse(told.corrected, default_region=region)
            parse(html.escape(told.corrected, quote=False), default_region=region)
    else:
        assert parse(spelled(told, None), default_region=None) == told
        assert parse(spelled(told, region), default_region=region) == told


networks = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
).map(lambda pair: str(ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False)))
connections = st.from_regex(r"vco-[a-z0-9]{1,20}", fullmatch=True)
requests = st.from_regex(r"r-[a-z2-7]{10}", fullmatch=True)
regions = st.sampled_from(["cn-hangzhou", "ap-southeast-1", "cn-shanghai-finance-1"])
reasons = st.one_of(st.text(max_size=100), mutated.map(" ".join)).map(plain)


def reasoned(asked: Draft | Restore) -> bool:
    return any(map(str.isalnum, asked.reason)) or not asked.break_glass


drafts = st.builds(
    Draft,
    vpn_connection_id=connections,
    route_dests=st.lists(networks, min_size=1, max_size=MAX_CIDRS, unique=True).map(tuple),
    region=regions,
    weight=st.sampled_from([None, 0, 100]),
    next_hop=st.none() | connections,
    overlay_mode=st.sampled_from([None, "Ipsec"]),
    reason=reasons,
    break_glass=st.booleans(),
).filter(reasoned)


def may_be_typed(name: str) -> bool:
    """Whether it is a name, and no more than that, where a connection is given."""
    listed = read_or_told(f'list "{name}"', None)
    deleted = read_or_told(f'delete "{name}" ::/0', None)
    return (
        isinstance(listed, ListRoutes)
        and isinstance(deleted, Delete)
        and listed.connection_name == deleted.draft.connection_name == name
    )


names = (
    st.one_of(
        st.from_regex(r"[a-z]{3,9}(?:[-_. ][a-z0-9]{1,9}){0,3}", fullmatch=True),
        st.text(min_size=1, max_size=20),
        mutated.map(" ".join),
    )
    .map(plain)
    .filter(may_be_typed)
)
by_name = st.builds(
    Draft,
    vpn_connection_id=st.just(""),
    connection_name=names,
    route_dests=st.lists(networks, min_size=1, max_size=3, unique=True).map(tuple),
    region=st.just("") | regions,
    reason=reasons,
)
commands = st.one_of(
    drafts.map(lambda draft: Delete(draft=draft)),
    by_name.map(lambda draft: Delete(draft=draft)),
    st.builds(DeleteForm, region=st.none() | regions),
    st.builds(DeleteForm, vpn_connection_id=connections, reason=reasons),
    st.builds(DeleteForm, connection_name=names, region=st.none() | regions, reason=reasons),
    st.builds(ListRoutes, vpn_connection_id=connections, region=regions),
    st.builds(
        ListRoutes,
        vpn_connection_id=st.just(""),
        connection_name=names,
        region=st.just("") | regions,
    ),
    st.builds(Status, request_id=st.none() | requests),
    st.builds(Cancel, request_id=requests),
    st.builds(Restore, request_id=requests, reason=reasons, break_glass=st.booleans()).filter(
        reasoned
    ),
    st.builds(History, about=st.one_of(st.none(), requests, networks, connections)),
    st.builds(Help, topic=st.sampled_from(["", *VERBS])),
)


@given(commands, st.sampled_from([None, HOME]))
def test_what_is_spelled_is_read_back(command: Command, region: str | None) -> None:
    text = spelled(command, region)
    for sent in (text, html.escape(text, quote=False)):
        assert parse(sent, default_region=region) == command
    if isinstance(command, Delete):
        assert render(command.draft, default_region=region) == text


@pytest.mark.parametrize(
    "reason", ["\\", "ends in \\", r"two \\ three \\\ x", '"', r"\"", "'", "-- x"]
)
def test_quotes_and_backslashes_of_a_reason_survive(reason: str) -> None:
    draft = Draft(vpn_connection_id="vco-a", route_dests=("::/0",), region=HOME, reason=reason)
    assert parse(render(draft), default_region=None) == Delete(draft=draft)


@given(
    drafts,
    st.lists(st.sampled_from(" \u00a0\t\n\u3000\u202f"), min_size=1).map("".join),
    st.sampled_from(["--", "\u2014", "\u2013", "\u2212\u2212", "\u2015"]),
    st.sampled_from(["“”", "„“", "«»", '""', "\u2018\u2019"]),
)
def test_blanks_dashes_and_quotes_of_any_kind_make_no_difference(
    draft: Draft, blank: str, dash: str, quotes: str
) -> None:
    without = msgspec.structs.replace(draft, reason="")
    text = render(without).replace(" --", f" {dash}").replace(" ", blank)
    text += f"{blank}{dash}reason{blank}{quotes[0]}bad{blank}route{quotes[1]}"
    assert drafted(text) == msgspec.structs.replace(draft, reason="bad route")


# --- break-glass ---------------------------------------------------------------------

switches = st.sampled_from(
    [
        *("--break-glass", "--Break-Glass", "--break_glass", "--breakglass", "-break-glass"),
        *("\u2014breakglass", "\u2013break-glass", "\u2212\u2212BREAK\u2011GLASS"),
        *("--break glass", "\u2014Break glass", "--break-glass=yes", "--break-glass=True"),
        *('--break-glass="yes"', "\uff0d\uff0dbreakglass\uff1dyes", "--break-glass=«YES»"),
    ]
)  # fmt: skip


@given(switches, st.integers(1, 6))
@example("--break-glass", 2)
def test_a_switch_may_stand_anywhere_and_eats_no_word(switch: str, at: int) -> None:
    parts = ["delete", "vco-a", "10.0.0.0/8", "10.1.0.0/16", "--weight 0", '--reason "bad route"']
    text = " ".join([*parts[:at], switch, *parts[at:]])
    without = drafted(" ".join(parts))
    assert not without.break_glass
    assert drafted(text) == msgspec.structs.replace(without, break_glass=True)


@pytest.mark.parametrize(
    ("typed", "reason", "broken"),
    [
        ("bad route --break-glass", "bad route", True),
        ("bad route \u2014break_glass --weight 0", "bad route", True),
        ("bad route --break glass", "bad route", True),
        ("bad route --break-glass=no", "bad route", False),
        ("bad route --Break-Glass=FALSE", "bad route", False),
        # a quote keeps what it holds, and other dashes are prose
        ('"no --break-glass please"', "no --break-glass please", False),
        ("bad route - break-glass", "bad route - break-glass", False),
        ("bad route -break-glass", "bad route -break-glass", False),
        ("asked for break-glass", "asked for break-glass", False),
    ],
)
def test_a_switch_ends_an_unquoted_reason_like_every_flag(
    typed: str,
    reason: str,
    broken: bool,  # noqa: FBT001 - a column of the table
) -> None:
    draft = drafted(f"{ASK} --reason {typed}")
    assert (draft.reason, draft.break_glass) == (reason, broken)
    restored = parse(
        f"restore r-7k2m9x4q --reason {typed.removesuffix(' --weight 0')}", default_region=None
    )
    assert restored == Restore(request_id="r-7k2m9x4q", reason=reason, break_glass=broken)


@given(grown)
def test_no_glass_is_broken_unasked_or_without_a_reason(text: str) -> None:
    told = read_or_told(text, HOME)
    if isinstance(told, CommandError) and told.corrected:
        told = parse(told.corrected, default_region=HOME)
    asked = told.draft if isinstance(told, Delete) else told
    if isinstance(asked, Draft | Restore) and asked.break_glass:
        assert asked.reason
        assert "break" in text.lower()


@given(st.ip_addresses())
def test_history_takes_a_bare_address_as_the_block_of_that_one(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    block = ipaddress.ip_network(address)
    assert parse(f"history {address}", default_region=None) == History(about=str(block))
