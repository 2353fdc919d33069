"""What `doctor` looks at: `slack`, `redis`, `alibaba`, and the `people` of the policy.

Each check is a function from what was seen to a `finding`.
"""
