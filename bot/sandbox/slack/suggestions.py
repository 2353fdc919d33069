"""What an app answers to a search: options, or options in groups.

Source: docs.slack.dev/reference/interaction-payloads/block_suggestion-payload. Slack's client
only says "No result" to an answer that is not valid (slackapi/bolt-js#1630); this one says why.
"""

from bot.sandbox.slack.deliver import Ack
from bot.sandbox.slack.elements import GROUPS, OPTIONS
from bot.sandbox.slack.reading import CannotDo
from bot.sandbox.slack.workspace import Json

_TABLES = {"options": OPTIONS, "option_groups": GROUPS}


def groups_of(ack: Ack) -> list[Json]:
    """The groups of an answer, `label` and `options`; one without a label where it has none.

    Raises:
        CannotDo: there is no answer, or it has nothing that Slack would show.
    """
    answer = ack.json or {}
    given = [key for key in _TABLES if key in answer]
    if ack.error or len(given) != 1:
        raise CannotDo(f"no options: {ack.error or 'the answer has none'}")
    [key] = given
    problems = [] if answer[key] == [] else list(_TABLES[key](answer[key], f"/{key}"))
    if problems:
        raise CannotDo(f"no options: {problems[0]}")
    if key == "options":
        return [{"label": "", "options": answer[key]}]
    return [{"label": each["label"]["text"], "options": each["options"]} for each in answer[key]]
