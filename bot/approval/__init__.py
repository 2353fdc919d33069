"""3 Approval: a draft becomes a pending request, a click becomes a decision.

- `submit`   1 to 3: who may ask, the live preview, the pending request
- `candidates`   is there anybody who could approve
- `decide`   a click is recorded, once
- `eligibility`   may this person decide, asked afresh; `refusals`: not for every click of a flood
"""
