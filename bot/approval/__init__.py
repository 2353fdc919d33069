"""3 Approval: a draft becomes a pending request, a click becomes a decision.

- `submit`   1 to 3: who may ask, the live preview, the pending request
- `decide`   who may decide, asked afresh; recorded once
"""
