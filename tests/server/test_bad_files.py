"""A broken or hostile file gives one clear sentence, quickly and in little memory."""

import contextlib
import io
import json
import zipfile

import h5py
import numpy as np
import pytest
from keras_files import WEIGHTS, handmade, members, saved, sequential, written

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server import archive, inspect_keras
from nncompress_lab.server.inspect_file import summarize
from nncompress_lab.server.isolation import summarize_apart


@pytest.fixture
def good(tmp_path):
    return saved(sequential(), tmp_path / "m.keras")


def test_something_else_is_not_a_model(tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(b"not a zip")

    with pytest.raises(ModelFileError, match=r"This is not a \.keras file"):
        summarize(path)


def test_another_zip_is_not_a_model(tmp_path):
    path = written(tmp_path / "m.keras", {"holiday.jpg": b"beach"})

    with pytest.raises(ModelFileError, match=r"config\.json is missing"):
        summarize(path)


def test_a_file_without_weights_is_refused(good):
    content = members(good)
    del content[WEIGHTS]

    with pytest.raises(ModelFileError, match=r"model\.weights\.h5 is missing"):
        summarize(written(good, content))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(good, kept):
    content = good.read_bytes()
    good.write_bytes(content[: int(kept * len(content))])

    with pytest.raises(ModelFileError):
        summarize(good)


def test_weights_that_are_no_hdf5_are_refused(good):
    path = written(good, {**members(good), WEIGHTS: b"PK nonsense" * 100})

    with pytest.raises(ModelFileError, match="This file is damaged"):
        summarize(path)


@pytest.mark.parametrize("config", [b"{", b"[]", b"[" * 200_000, b"\xff\xfe"])
def test_a_configuration_that_cannot_be_read_is_refused(good, config):
    path = written(good, {**members(good), "config.json": config})

    with pytest.raises(ModelFileError, match=r"config\.json"):
        summarize(path)


def test_a_deep_configuration_is_refused(good):
    config = {"name": "x"}
    for _ in range(200):
        config = {"inside": config}
    content = json.dumps({"class_name": "Sequential", "config": config}).encode()

    with pytest.raises(ModelFileError, match="nested"):
        summarize(written(good, {**members(good), "config.json": content}))


def test_a_configuration_that_unpacks_to_too_much_is_refused(good, monkeypatch):
    monkeypatch.setattr(archive, "MAX_CONFIG_BYTES", 10_000)
    bomb = {**members(good), "config.json": b" " * 20_000}

    with pytest.raises(ModelFileError, match="larger than"):
        summarize(written(good, bomb, zipfile.ZIP_DEFLATED))


def test_weights_that_unpack_to_too_much_are_refused(good, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 10_000)
    bomb = {**members(good), WEIGHTS: bytes(5_000_000)}

    with pytest.raises(ModelFileError, match="unpack to more"):
        summarize(written(good, bomb, zipfile.ZIP_DEFLATED))


def test_a_huge_declared_shape_is_refused(tmp_path):
    def fill(file):
        variables = file.create_group("layers/dense/vars")
        variables.create_dataset("0", (10**6, 10**6), "f4", chunks=(1000, 1000))

    with pytest.raises(ModelFileError, match="does not hold"):
        summarize(handmade(tmp_path / "m.keras", fill))


def test_an_array_that_was_never_written_is_refused(tmp_path):
    def fill(file):
        shape = h5py.h5s.create_simple((10**9,))
        group = file.create_group("layers/dense/vars")
        h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, shape)

    with pytest.raises(ModelFileError, match="does not hold"):
        summarize(handmade(tmp_path / "m.keras", fill))


def test_huge_chunks_are_refused(tmp_path):
    def fill(file):
        group = file.create_group("layers/dense/vars")
        data = np.zeros(20 * 2**20, np.float32)
        group.create_dataset("0", data=data, chunks=data.shape, compression="gzip")

    with pytest.raises(ModelFileError, match="does not hold"):
        summarize(handmade(tmp_path / "m.keras", fill))


@pytest.mark.parametrize(
    "link", [h5py.SoftLink("/elsewhere"), h5py.ExternalLink("other.h5", "/secret")]
)
def test_links_are_not_followed(tmp_path, link):
    def fill(file):
        file.create_group("layers/dense/vars")["0"] = link

    with pytest.raises(ModelFileError, match="link to another place"):
        summarize(handmade(tmp_path / "m.keras", fill))


def test_data_in_other_files_is_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(400))

    def fill(file):
        group = file.create_group("layers/dense/vars")
        group.create_dataset("0", (100,), "f4", external=[(str(secret), 0, 400)])

    with pytest.raises(ModelFileError, match="refer to other files"):
        summarize(handmade(tmp_path / "m.keras", fill))


def test_a_group_that_contains_itself_is_visited_once(tmp_path):
    def fill(file):
        group = file.create_group("layers/dense")
        group.create_group("vars")["0"] = np.ones(3, np.float32)
        group["again"] = group
        file["layers/back"] = file["layers"]

    summary = summarize(handmade(tmp_path / "m.keras", fill))

    assert [row["parameters"] for row in summary["layers"]] == [3]


def test_deep_groups_are_refused(tmp_path):
    def fill(file):
        file.create_group("/".join(["layers"] * 200) + "/vars")["0"] = np.ones(1)

    with pytest.raises(ModelFileError, match="too deeply"):
        summarize(handmade(tmp_path / "m.keras", fill))


def test_too_many_layers_are_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr("nncompress_lab.server.weights_file.MAX_ROWS", 5)

    def fill(file):
        for number in range(9):
            file.create_group(f"layers/d{number}/vars")["0"] = np.ones(1, np.float32)

    summary = summarize(handmade(tmp_path / "m.keras", fill))

    assert len(summary["layers"]) == 5
    assert summary["totals"]["layers_left_out"]


def test_what_is_no_number_is_listed_without_figures(tmp_path):
    def fill(file):
        file.create_group("layers/words/vars")["0"] = ["one", "two"]

    (row,) = summarize(handmade(tmp_path / "m.keras", fill))["layers"]

    assert row["histogram"] is None
    assert row["zeros"] == 0


def test_names_stay_as_they_are_and_short(tmp_path):
    name = "<img src=x onerror=alert(1)>"

    def fill(file):
        for number, layer in enumerate([name, "x" * 5000]):
            group = file.create_group(f"layers/d{number}/vars")
            group["0"] = np.ones(1, np.float32)
            group.attrs["name"] = layer

    summary = summarize(handmade(tmp_path / "m.keras", fill))

    assert [row["name"] for row in summary["layers"]] == [name, "x" * 200]
    json.dumps(summary, allow_nan=False)


def test_a_reader_that_crashes_or_hangs_is_not_the_server(good, monkeypatch):
    assert summarize_apart(good)["layers"]

    with pytest.raises(ModelFileError, match="took more than"):
        summarize_apart(good, seconds=0.01)

    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ModelFileError, match="crashed"):
        summarize_apart(good)


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_gives_a_summary_or_a_sentence(good, seed):
    """Some damage crashes HDF5, which is why a process of its own reads the file."""
    damaged = bytearray(good.read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(damaged.index(b"\x89HDF"), len(damaged), 50):
        damaged[place] = random.integers(256)
    good.write_bytes(damaged)

    with contextlib.suppress(ModelFileError):
        assert summarize_apart(good)["file"] == good.name


def test_any_error_becomes_one_sentence(good, monkeypatch):
    def fail(*_):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(inspect_keras, "contents_of", fail)

    with pytest.raises(ModelFileError, match=r"^This file is damaged \(first line\)"):
        summarize(good)


def test_a_window_is_a_file_of_its_own():
    window = archive.Window(io.BytesIO(b"0123456789"), 2, 5)

    assert window.read() == b"23456"
    assert window.seek(-2, io.SEEK_END) == 3
    assert window.read(10) == b"56"
    assert window.seek(20) == 20
    assert window.read() == b""
    with pytest.raises(io.UnsupportedOperation):
        window.seek(-1)
