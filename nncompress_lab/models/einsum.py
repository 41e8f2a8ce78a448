"""The equation of an EinsumDense layer: which letters are summed, shared or made."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Einsum:
    """An equation, for example `"abc,cd->abd"`, in its three parts.

    Args:
        given: The letters of the input; `...` stands for any further axes.
        kernel: The letters of the kernel.
        output: The letters of the output; it has `...` if the input has it.

    Example:
        >>> einsum = Einsum.parse("...nx,nxy->...ny")
        >>> einsum.summed, einsum.channels, einsum.shared
        ('x', 'ny', 'n')
    """

    given: str
    kernel: str
    output: str

    @classmethod
    def parse(cls, equation: str) -> "Einsum":
        """Read an equation; spaces mean nothing."""
        operands, output = equation.replace(" ", "").split("->")
        given, kernel = operands.split(",")
        return cls(given, kernel, output)

    @property
    def summed(self) -> str:
        """The letters of the kernel that the output lacks, in the kernel's order."""
        return "".join(one for one in self.kernel if one not in self.output)

    @property
    def channels(self) -> str:
        """The letters of the kernel that the output has, in the kernel's order."""
        return "".join(one for one in self.kernel if one in self.output)

    @property
    def shared(self) -> str:
        """Those of `channels` that the input has, too: each entry is a group of its own."""
        return "".join(one for one in self.channels if one in self.given)

    @property
    def made(self) -> str:
        """Those of `channels` that the input lacks."""
        return "".join(one for one in self.channels if one not in self.given)

    def expanded(self, rank: int) -> "Einsum":
        """The equation for an input of `rank` axes, with digits for those of `...`.

        Example:
            >>> Einsum.parse("...x,xy->...y").expanded(3)
            Einsum(given='01x', kernel='xy', output='01y')
        """
        count = rank - len(self.given.replace("...", ""))
        hidden = "".join(map(str, range(count)))
        return Einsum(
            self.given.replace("...", hidden),
            self.kernel,
            self.output.replace("...", hidden),
        )
