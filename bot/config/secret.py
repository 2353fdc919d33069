"""Wraps a secret so that it is masked in logs and repr, and can't be encoded."""

from typing import NoReturn, Self

MASK = "***"


class Secret:
    """Text that shows as `***` wherever it is printed, and can't be encoded by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Wrap the text."""
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        """Show the mask, in containers and in tracebacks too."""
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Show the mask, whatever the format asks for."""
        return MASK

    def __eq__(self, other: object) -> bool:
        """Equal to a secret with the same text, never to plain text."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((Secret, self._text))

    def __copy__(self) -> Self:
        """Be its own copy: it never changes."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Be its own copy: it never changes."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a secret can't be pickled")
