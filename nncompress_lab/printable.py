"""Words from files, made safe to print: a terminal obeys some characters."""

REPLACEMENT = "\ufffd"
LONGEST = 200  # of a value in a message


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


def shortened(value: object) -> str:
    """The `repr` of a value, cut where it would fill a screen, as that of arrays does.

    Example:
        >>> len(shortened(list(range(1000))))
        203
    """
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
