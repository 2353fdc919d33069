"""3 approval, the policy: who may ask, who may decide, what that takes, and is it enough.

- `rules`          what a policy is made of
- `terms`          which rule is about a request, and what follows for it
- `authorization`  who may ask, who may decide
- `quorum`         is what was decided enough, and does it still count
- `called`         whom to call for a decision
- `membership`     is somebody a full member of our own workspace
- `directory`      what has to be known of people and channels
- `limits`         how much one person, channel, connection may have open, and how fast
- `age`            a command or a click that is too old is not acted on
- `people`         IDs as an operator writes them; `blocks`: CIDR blocks
- `file`           TOML text → a policy; `shape` says what it may hold, `notes` what is wrong
                   with it, `lines` in which line
- `lint`           warnings: what a valid policy most likely does not mean
- `explain`        what the policy asks for, in words for an operator
- `source`         the policy that holds now, read again on request

All of it is pure but `source`, which reads a file.
"""

from bot.policy.age import check_age, done_by
from bot.policy.authorization import (
    authorize_break_glass,
    authorize_on_record,
    authorize_submission,
    authorize_verdict,
)
from bot.policy.blocks import same_block
from bot.policy.membership import is_member, require_colleague, require_member, require_visible
from bot.policy.people import approvers
from bot.policy.quorum import (
    approved_by,
    can_approve,
    says_something,
    still_stands,
    too_few_approvers,
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
    "authorize_break_glass",
    "authorize_on_record",
    "authorize_submission",
    "authorize_verdict",
    "can_approve",
    "check_age",
    "done_by",
    "is_member",
    "require_colleague",
    "require_member",
    "require_visible",
    "rule_for",
    "rule_now",
    "same_block",
    "says_something",
    "still_stands",
    "terms_for",
    "terms_now",
    "tightened",
    "too_few_approvers",
]
