"""A reader that knows only the document reads the same arrays, today's and older ones."""

import io
import zlib
from pathlib import Path

import numpy as np
import packed_arrays
import pytest
import reference_reader

from nncompress_lab.packing import container

ARRAYS = packed_arrays.small_arrays()
GOLDEN = Path(__file__).with_name("version_1.ncz")


def written(names: list[str]) -> bytes:
    file = io.BytesIO()
    tensors = [
        container.Tensor(name, dtype, array, layout)
        for name, (array, dtype, layout) in ARRAYS.items()
        if name in names
    ]
    container.write(file, {"config": {"ü": [1.5, None]}}, tensors)
    return file.getvalue()


def restored(content: bytes) -> dict[str, np.ndarray]:
    reader = container.Reader(io.BytesIO(content), len(content))
    return {section.name: array for section, array in reader.tensors()}


@pytest.mark.parametrize("name", ARRAYS)
def test_the_document_is_enough_to_read_a_file(name):
    array, dtype, _ = ARRAYS[name]

    about, tensors = reference_reader.read(written([name]))

    assert about == {"config": {"ü": [1.5, None]}}
    assert tensors == {name: (dtype, list(array.shape), array.tobytes())}


def test_files_of_version_1_are_read_for_ever():
    content = GOLDEN.read_bytes()

    tensors = restored(content)

    _, by_document = reference_reader.read(content)
    assert list(tensors) == list(ARRAYS) == list(by_document)
    for name, (array, *_) in ARRAYS.items():
        assert tensors[name].tobytes() == array.tobytes() == by_document[name][2]


def test_the_same_model_is_written_as_the_same_bytes():
    assert written(list(ARRAYS)) == written(list(ARRAYS))


def test_the_dictionaries_never_change():
    found = [zlib.crc32(one.read_bytes()) for one in reference_reader.DICTIONARIES]

    assert found == [0xC1911081, 0x51D3DEF0]
