"""Words from files, made safe to print: a terminal obeys some characters."""

REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    r"""The text with a mark in place of what is not to be seen, but for line ends.

    A layer in a model file may be called anything, also an escape sequence that clears
    the screen or renames the window.

    Example:
        >>> printable("conv\x1b[2J")
        'conv�[2J'
    """
    return "".join(
        one if one.isprintable() or one == "\n" else REPLACEMENT for one in text
    )
