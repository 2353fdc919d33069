"""`python -m bot`: what can be typed is in `bot.cli`."""

import sys

from bot.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
