"""Lesson 14: files that are handed in, each measured in a process of its own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nncompress_lab.course.capstone.customers import PHONE, SERVER, STATION, Customer
from nncompress_lab.course.capstone.hand_in import RefusedFileError
from nncompress_lab.course.capstone.onnx_macs import onnx_macs
from nncompress_lab.course.exercise import Exercise, Mistake, require
from nncompress_lab.course.wording import in_words
from nncompress_lab.errors import ModelFileError
from nncompress_lab.report import formats

KNOWN_BY_HEART = 0.03  # test above validation: three and a half standard errors
_BEGINNINGS = {
    b"PK\x03\x04": "a zip archive, as a .keras file is one",
    b"\x89NCZ": ".ncz",
}
_TFLITE = b"TFL3"  # four bytes after the beginning


def hand_in(
    customer: Customer,
    *,
    title: str,
    points: int,
    hints: tuple[str, ...],
    reference: Path,
) -> Exercise:
    """An exercise whose answer is the path of a file for a customer.

    Its reference is the name of the file that the notebook with the answers writes.
    """
    name = f"{customer.name}_file"
    writes = "ncl.pack" if ".ncz" in customer.kinds else "ncl.export"
    exercise = Exercise(
        name,
        title,
        points,
        hints,
        reference=reference,
        beginning=f"Write a file with {writes} and put its path into `{name}`.",
        praise=f"Measured in a process of its own: the {customer.name} takes it.",
    )
    for check in (_is_there, _is_what_its_name_says, _is_small_enough):
        exercise.check(_for(customer, check))
    if customer.macs:
        exercise.check(_for(customer, _takes_few_enough_macs))
    for reason, check_name in _REFUSALS.items():
        exercise.check(_runs(customer, reason, check_name))
    for check in (_is_accurate_enough, _knows_no_test_image):
        exercise.check(_for(customer, check))
    if customer.raced:
        exercise.check(_for(customer, _is_not_slower))
    return exercise


_REFUSALS = {
    "load": "loads_by_itself",
    "time": "is_done_in_time",
    "run": "takes_the_images",
    "outputs": "returns_ten_numbers",
}


def _for(customer: Customer, check: Callable[[Customer, Any], None]) -> Any:
    def of_answer(answer: Any) -> None:
        check(customer, answer)

    of_answer.__name__ = check.__name__.removeprefix("_")
    return of_answer


def _runs(customer: Customer, reason: str, name: str) -> Any:
    def of_answer(answer: Any) -> None:
        try:
            customer.measured(answer)
        except RefusedFileError as error:
            require(error.reason != reason, str(error))

    of_answer.__name__ = name
    return of_answer


def _is_there(customer: Customer, answer: Any) -> None:
    of_a_call = isinstance(answer, float | int)
    remark = (
        " ncl.pack returns how many bytes it wrote, ncl.export how far outputs moved: the "
        "path is what you gave them."
    )
    require(
        isinstance(answer, str | os.PathLike),
        "Hand over the path of a file: what is graded is the file, not the model in this "
        f"notebook. Received: {in_words(answer)}.{remark * of_a_call}",
    )
    path = Path(answer)
    require(
        not path.is_dir(),
        f"The path of a file is asked for, and this is a folder. Received: {answer}.",
    )
    require(
        path.is_file(),
        f"There is no file {path.name!r} where the path points to. Was it written, and "
        "into the folder of this notebook?",
    )


def _is_what_its_name_says(customer: Customer, answer: Any) -> None:
    path = Path(answer)
    kinds = " or ".join(customer.kinds)
    require(
        path.suffix in customer.kinds,
        f"The {customer.name} takes {kinds}. Received: {path.name}.",
    )
    with path.open("rb") as file:
        start = file.read(8)
    found = ".tflite" if start[4:] == _TFLITE else _BEGINNINGS.get(start[:4], "")
    require(start, f"{path.name} is empty: 0 bytes. Was it written to its end?")
    wanted = path.suffix if path.suffix in {".ncz", ".tflite"} else ""
    require(
        found == wanted,
        f"{path.name} begins as {found or 'some other file'}, not as {path.suffix}: a new "
        "name does not make another file. Write it in the right format.",
    )


def _is_small_enough(customer: Customer, answer: Any) -> None:
    size, allowed = Path(answer).stat().st_size, customer.size
    require(
        size <= allowed,
        f"The file has {size:,} bytes and may have {allowed:,}: it is to be "
        f"{size / allowed:.2f} times smaller.",
    )


def _takes_few_enough_macs(customer: Customer, answer: Any) -> None:
    try:
        macs = onnx_macs(Path(answer))
    except ModelFileError as error:
        raise Mistake(str(error)) from error
    require(
        macs <= (customer.macs or 0),
        f"Counted in the graph of the file: {formats.count(macs)} MACs for one image, and "
        f"{formats.count(customer.macs)} are allowed. Bits and zeros change none of them.",
    )


def _is_accurate_enough(customer: Customer, answer: Any) -> None:
    accuracy = customer.measured(answer).accuracy
    require(
        accuracy >= customer.accuracy,
        f"In a process of its own the file is right for {formats.percent(accuracy)} of the "
        f"test images; {formats.percent(customer.accuracy)} are asked for. Go on with the "
        "validation images, and hand in again when you expect it to pass.",
    )


def _knows_no_test_image(customer: Customer, answer: Any) -> None:
    file = customer.measured(answer)
    require(
        file.accuracy <= file.validation + KNOWN_BY_HEART,
        f"It is right for {formats.percent(file.accuracy)} of the test images and for "
        f"{formats.percent(file.validation)} of the validation images: so far apart are "
        "they only where a model has learned from the test images. The customer's photos "
        "are new ones. Train with data.train, choose with data.validation.",
    )


def _is_not_slower(customer: Customer, answer: Any) -> None:
    file = customer.measured(answer)
    require(
        not file.is_slower,
        f"In one race with the original in the same runtime it is "
        f"{1 / (file.speedup or 1):.2f} times slower for one photo (noise "
        f"±{100 * file.band:.0f} %). Which techniques leave fewer multiplications?",
    )


station_file = hand_in(
    STATION,
    title="A file for the station",
    points=3,
    hints=(
        "Nothing needs to be trained. Which pass looks at what a weight takes in the "
        "packed file?",
        "The price of a bit decides. Try three of them on the validation images: "
        "`ncl.RateAwareQuantization(rate=...)(lenet, context)`, then "
        "`measure.file_sizes(...)` and `measure.accuracy(..., images)`.",
        'ncl.pack(ncl.RateAwareQuantization(rate=7e-9)(lenet, context), "station.ncz")',
    ),
    reference=Path("station.ncz"),
)

phone_file = hand_in(
    PHONE,
    title="A file for the phone",
    points=4,
    hints=(
        "Bits make the file small and the phone no faster; what makes a network both small "
        "and fast?",
        "Fewer channels, an epoch of training to bring the accuracy back, and then fewer "
        "bits for what is left.",
        "ncl.pipeline(ncl.ChannelPruning(macs=0.6), ncl.FineTune(epochs=1), "
        'ncl.GPTQ(bits=4)), and ncl.export(..., "phone.onnx")',
    ),
    reference=Path("phone.onnx"),
)

server_file = hand_in(
    SERVER,
    title="★ A file for the server",
    points=4,
    hints=(
        "They run ResNet-20 now. Have they asked for ResNet-20?",
        "Which networks of the table are below the allowed MACs, and what do they lack?",
    ),
    reference=Path("server.onnx"),
)
