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


def near(name: str, options: Iterable[str], *, count: int = 1) -> str:
    """Returns ' Perhaps you meant X.' for the options nearest to a name, else ''."""
    options = list(options)
    begun = sorted((o for o in options if name and o.startswith(name)), key=len)
    found = begun or difflib.get_close_matches(name, options, n=count, cutoff=0.5)
    return f" Perhaps you meant {' or '.join(found[:count])}." if found else ""
