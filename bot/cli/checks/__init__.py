"""What `doctor` looks at: `settings`, `slack`, `redis`, `alibaba`, `people` of the policy.

Each check is a function from what was seen to a `finding`.
"""
