"""3 approval, the policy: who may ask, who may decide, what that takes, and is it enough.

- `rules`      what a policy is made of
- `terms`      which rule is about a request, and what follows for it
- `deciding`   who may ask, who may decide
- `enough`     is what was decided enough, and does it still count
- `who`        who somebody is: a full member of our own workspace
- `age`        what was said long ago is not done now
- `people`     IDs as an operator writes them; `blocks`: CIDR blocks
- `file`       TOML text → a policy; `table` and `lines` take it apart and know its lines
- `doubts`     what of it is most likely not meant
- `explain`    the same in words, for an operator
- `source`     the policy that holds now, read again on request

All of it is pure but `source`, which reads a file.
"""

from bot.policy.age import check_age
from bot.policy.authorization import decide, may_ask, may_decide
from bot.policy.blocks import same_block
from bot.policy.membership import check_seen, colleague, is_member, member
from bot.policy.people import approvers
from bot.policy.quorum import (
    approved_by,
    can_approve,
    nobody_left,
    says_something,
    still_stands,
)
from bot.policy.rules import SIMPLE, BreakGlass, Matter, Policy, ProtectedPrefix, Rule, Who, Wide
from bot.policy.source import PolicySource
from bot.policy.terms import rule_for, rule_now, terms_for, terms_now, tightened

__all__ = [
    "SIMPLE",
    "BreakGlass",
    "Matter",
    "Policy",
    "PolicySource",
    "ProtectedPrefix",
    "Rule",
    "Who",
    "Wide",
    "approved_by",
    "approvers",
    "can_approve",
    "check_age",
    "check_seen",
    "colleague",
    "decide",
    "is_member",
    "may_ask",
    "may_decide",
    "member",
    "nobody_left",
    "rule_for",
    "rule_now",
    "same_block",
    "says_something",
    "still_stands",
    "terms_for",
    "terms_now",
    "tightened",
]
