"""InputError: what a user gave cannot be used."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What a user gave cannot be used.

    The message says what is wrong and where, what was expected, and how to mend it.
    The command line prints it alone, without a traceback, and exits with code 2.
    """


class InputWarning(UserWarning):
    """What a user gave was used in a way that they should know of."""


def near(name: str, options: Iterable[str]) -> str:
    """Returns ' Perhaps you meant X.' for the option nearest to a name, else ''."""
    found = difflib.get_close_matches(name, list(options), n=1, cutoff=0.5)
    return f" Perhaps you meant {found[0]}." if found else ""
