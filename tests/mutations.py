"""Takes one guard of the code away at a time, and runs the tests that have to notice it.

`make mutations`: each is done in a copy of the tree; one that no test notices is printed, and the
exit status is 1. That every text to be replaced is still there once is a test of its own.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Mutation(NamedTuple):
    """A guard, the text that is it, what stands there instead, and the tests that notice."""

    guard: str
    file: str
    old: str
    new: str
    tests: Sequence[str]


MUTATIONS = (
    Mutation(
        "G1: nobody approves their own request",
        "bot/policy/authorization.py",
        "if actor_id == request.requester and not alone:",
        "if False:",
        ["tests/unit/test_policy.py"],
    ),
    Mutation(
        "G1: only approvers decide",
        "bot/policy/authorization.py",
        "    if approvers.include(actor_id, members):\n        return\n    require_readable",
        "    if approvers.ids:\n        return\n    require_readable",
        ["tests/unit/test_policy.py"],
    ),
    Mutation(
        "G1: people are asked of Slack at the click",
        "bot/approval/eligibility.py",
        "            still_stands(request, ask, people=people, members=members, home_team=home)",
        "            pass",
        ["tests/story/test_quorum.py", "tests/story/test_policy_story.py"],
    ),
    Mutation(
        "G1: they are looked at again before the send",
        "bot/execution/recheck.py",
        "                await self._by_slack(request, now)",
        "                pass",
        ["tests/story/test_recheck.py"],
    ),
    Mutation(
        "G4: what a failover has forgotten is not sent",
        "bot/store/requests.py",
        "if timeline[: len(known.timeline)] != known.timeline:",
        "if False:",
        ["tests/redis/test_failover.py"],
    ),
    Mutation(
        "G2: every send bears the stored token",
        "bot/execution/send.py",
        "client_token=route.client_token,\n        overlay_mode",
        "client_token=route.client_token + str(id(object()))[-4:],\n        overlay_mode",
        ["tests/story/test_g2_once.py"],
    ),
    Mutation(
        "G2: a stale worker writes nothing",
        "bot/store/requests.py",
        "if cmd.fence ~= '' and redis.call(",
        "if false and redis.call(",
        ["tests/redis/test_store.py", "tests/model/test_execution_model.py"],
    ),
    Mutation(
        "G2: of two who write at once one is refused",
        "bot/store/requests.py",
        "if rev ~= cmd.rev then return {'conflict'} end",
        "",
        ["tests/redis/test_store.py"],
    ),
    Mutation(
        "G3: a route is in one open request",
        "bot/store/requests.py",
        "  if holder and holder ~= cmd.id then return {'open', holder} end",
        "",
        ["tests/redis/test_store.py", "tests/story/test_g3_queue.py"],
    ),
    Mutation(
        "G4: a card never takes back an outcome",
        "bot/slack/cards.py",
        '        return found if found in _OUTCOMES else ""',
        '        return ""',
        ["tests/story/test_stale_database.py"],
    ),
    Mutation(
        "G4: what is sent is on a replica first",
        "bot/store/replicas.py",
        "        if not await self.wanted():\n            return",
        "        return",
        ["tests/redis/test_failover.py"],
    ),
    Mutation(
        "G4: what may have been accepted is not stopped",
        "bot/lifecycle/request.py",
        "    if not request.stoppable:\n        return request\n",
        "    if not request.state.open:\n        return request\n",
        ["tests/unit/test_stops.py"],
    ),
    Mutation(
        "G4: what was stopped is not sent",
        "bot/execution/send.py",
        "    if not in_hand(request).in_flight:",
        "    if False:",
        ["tests/model/test_execution_model.py"],
    ),
    Mutation(
        "G6: drift before the send",
        "bot/execution/send.py",
        "    done = [r.route for r in request.routes if r.state.done]\n    return drift(",
        "    return None\n    done = [r.route for r in request.routes if r.state.done]\n"
        "    return drift(",
        ["tests/story/test_g6_drift.py"],
    ),
    Mutation(
        "proof: attached alone proves nothing",
        "bot/lifecycle/proof.py",
        "    return watch.settled_reads >= needed",
        "    return watch.settled_reads >= 1",
        ["tests/unit/test_proof.py"],
    ),
    Mutation(
        "G7: others' words are escaped",
        "bot/slack/messages/mrkdwn.py",
        'return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")',
        "return text",
        ["tests/unit/test_escaping.py"],
    ),
    Mutation(
        "G8: what was said long ago is not done",
        "bot/policy/age.py",
        "if said_at is None or now - said_at <= MAX_AGE_SECONDS:",
        "if True:",
        ["tests/story/test_g8_late_payloads.py"],
    ),
    Mutation(
        "G9: a signature that is wrong is a no",
        "bot/slack/verification.py",
        "        return None if signed else Unverified.WRONG_SIGNATURE",
        "        return None",
        ["tests/story/test_g9_unverified.py"],
    ),
    Mutation(
        "G9: answers go to Slack's hosts alone",
        "bot/slack/addresses.py",
        '    return address.startswith(known) and " " not in address',
        "    return True",
        ["tests/edge/test_addresses.py"],
    ),
    Mutation(
        "G9: a forged record is not sent",
        "bot/store/seal.py",
        '        return "" if same else CHANGED',
        '        return ""',
        ["tests/story/test_seal.py"],
    ),
)


def main() -> int:
    """Try each; 1 where one was not noticed."""
    missed = []
    for mutation in MUTATIONS:
        noticed = notices(mutation)
        print(f"{'noticed' if noticed else 'MISSED '}  {mutation.guard}", flush=True)  # noqa: T201 - the result
        missed += [] if noticed else [mutation]
    return 1 if missed else 0


def notices(mutation: Mutation) -> bool:
    """Whether a test fails without this guard."""
    with tempfile.TemporaryDirectory(prefix="vco-mutation-") as directory:
        copy = Path(directory) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        shutil.copytree(ROOT / ".github", copy / ".github")
        file = copy / mutation.file
        file.write_text(file.read_text().replace(mutation.old, mutation.new))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        done = subprocess.run(  # noqa: S603 - our own tests
            [*command, *mutation.tests], cwd=copy, capture_output=True, check=False
        )
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main())
