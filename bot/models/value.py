"""The base of all domain values."""

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all domain values: immutable, compared by content, encodable as JSON."""
