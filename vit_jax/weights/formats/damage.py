"""Damage: what is wrong inside a weights file."""


class Damage(ValueError):
    """What is wrong inside a file, in words that follow its path.

    `mend` is what to do where the file may be whole, but cannot be read.
    """

    def __init__(self, what: str, mend: str = ""):
        super().__init__(what)
        self.mend = mend
