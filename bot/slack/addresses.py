"""Which addresses in a payload are answered at: Slack's own, and nobody else's. Pure."""

from urllib.parse import urlsplit

_HOOKS = ("https://hooks.slack.com/", "https://hooks.slack-gov.com/")
"""Where Slack takes answers: every `response_url` of its documentation is on the first host, those
of GovSlack on the second. Other hosts below slack.com take none."""

_LONGEST = 1000


def is_slacks(address: str, api_url: str) -> bool:
    """Whether an answer may be sent to `address`; `api_url` is the base of the Web API.

    Compared as a text, up to the slash that ends the host: no reading of an address, nor a
    difference between two readings of one, can make another host of it.
    """
    api = urlsplit(api_url)
    known = (*_HOOKS, f"{api.scheme}://{api.netloc}/")
    if len(address) > _LONGEST or not address.isascii() or not address.isprintable():
        return False
    return address.startswith(known) and " " not in address
