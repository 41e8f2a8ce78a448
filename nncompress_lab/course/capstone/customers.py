"""Three customers, each with a network that is too large or too slow, and a budget."""

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from nncompress_lab.course.capstone.hand_in import HandIn, RefusedFileError, measured
from nncompress_lab.report import formats


@dataclass(frozen=True)
class Customer:
    """Who wants what.

    Args:
        name: In a word.
        wish: In a sentence.
        network: The model of the zoo that is in use now.
        kinds: Endings of files that can be used there.
        size: Bytes of the file, at most.
        accuracy: On the test images, at least.
        macs: For one image, at most; None if nobody asks.
        raced: Whether the file is to be no slower than that of the original.
    """

    name: str
    wish: str
    network: str
    kinds: tuple[str, ...]
    size: int
    accuracy: float
    macs: int | None = None
    raced: bool = False

    @property
    def limits(self) -> dict[str, float]:
        """The bounds on figures that a table has, by name."""
        given = {"bytes": self.size, "accuracy": self.accuracy, "MACs": self.macs}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def budget(self) -> str:
        """All bounds in words."""
        said = [
            f"at most {formats.size(self.size)}",
            f"{formats.percent(self.accuracy)} accuracy or more",
        ]
        if self.macs:
            said.append(f"at most {formats.count(self.macs)} MACs")
        if self.raced:
            said.append("not slower than the original in one race")
        return ", ".join(said)

    def misses(self, file: HandIn) -> list[str]:
        """In what a file misses the budget; nothing if it meets it."""
        said = []
        if file.size > self.size:
            said.append(
                f"it has {file.size:,} bytes, and {self.size:,} are allowed, "
                f"{file.size - self.size:,} fewer"
            )
        if self.macs:
            if file.macs is None:
                said.append("its MACs cannot be counted: write it with ncl.export")
            elif file.macs > self.macs:
                said.append(
                    f"it takes {file.macs:,} MACs, and {self.macs:,} are allowed"
                )
        if file.accuracy < self.accuracy:
            said.append(
                f"it is right for {formats.percent(file.accuracy)} of the test images, and "
                f"{formats.percent(self.accuracy)} are asked for"
            )
        if self.raced and file.is_slower:
            said.append(f"it is {1 / (file.speedup or 1):.2f} times slower")
        return said

    def measured(self, path: str | os.PathLike[str]) -> HandIn:
        """What a file is, raced against the original if that counts here.

        Raises:
            RefusedFileError: If it does not run.
            OSError: If there is no such file.
        """
        return measured(Path(path), original=self.network if self.raced else None)

    def delivered(self, path: Any) -> "Delivery":
        """What came of handing in a file; `...` and paths of nothing are none."""
        if not isinstance(path, str | os.PathLike) or not Path(path).is_file():
            return Delivery(self, None, ("not handed in",))
        if Path(path).suffix not in self.kinds:
            kinds = " or ".join(self.kinds)
            return Delivery(self, None, (f"{Path(path).name} is no {kinds} file",))
        try:
            file = self.measured(path)
        except RefusedFileError as error:
            return Delivery(self, None, (str(error),))
        return Delivery(self, file, tuple(self.misses(file)))


@dataclass(frozen=True)
class Delivery:
    """What a customer got: a measured file and what it misses, or why there is none."""

    customer: Customer
    file: HandIn | None
    remarks: tuple[str, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether there is a file within the budget."""
        return self.file is not None and not self.remarks


STATION: Final = Customer(
    "station",
    "A weather station on a satellite link: each byte of a new model is paid for.",
    "lenet5",
    (".ncz",),
    70_000,
    0.89,
)
PHONE: Final = Customer(
    "phone",
    "An app: what is downloaded is to be small, and a photo must not take longer than now.",
    "lenet5",
    (".tflite", ".onnx"),
    150_000,
    0.89,
    raced=True,
)
SERVER: Final = Customer(
    "server",
    "A service whose bill is multiplications, and whose cache holds small files only.",
    "resnet20",
    (".onnx",),
    200_000,
    0.915,
    macs=9_000_000,
)


class Customers(tuple[Customer, ...]):
    """All of them, shown as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(
            f"{one.name}: {one.wish} It runs {one.network} now. It takes "
            f"{' or '.join(one.kinds)}, {one.budget}."
            for one in self
        )

    def _repr_html_(self) -> str:
        titles = ("customer", "what it is about", "runs now", "takes", "budget")
        head = "".join(f'<th style="text-align:left">{one}</th>' for one in titles)
        rows = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:left;white-space:normal">{escape(text)}</td>'
                for text in (
                    one.name,
                    one.wish,
                    one.network,
                    " or ".join(one.kinds),
                    one.budget,
                )
            )
            + "</tr>"
            for one in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


CUSTOMERS: Final = Customers((STATION, PHONE, SERVER))
