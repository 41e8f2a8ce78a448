"""The command line: what it prints, what it writes and what it says of bad input.

Whole runs are processes of their own. Bad input goes through `main` in this process,
because each start of Keras costs seconds; an exception that `main` lets through, which
a user would see as a traceback, fails those tests.
"""

import importlib
import json
import subprocess
import sys
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.cli.commands import main
from nncompress_lab.cli.options import context_of
from nncompress_lab.measure import latency

MAGNITUDE = {"pass": "MagnitudePruning", "sparsity": 0.9}
UNIFORM = {"pass": "UniformQuantization", "bits": 4}
TUNE = {"pass": "FineTune", "epochs": 1, "batch_size": 16}


def nncompress(
    *arguments: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nncompress_lab", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def run_here(*arguments: str, monkeypatch, capfd) -> tuple[int, str, str]:
    """Exit code, output and errors of `main` in this process."""
    monkeypatch.setattr(sys, "argv", ["nncompress", *arguments])
    capfd.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # to a user they are no errors either
        with pytest.raises(SystemExit) as exit_:
            main()
    output, errors = capfd.readouterr()
    return exit_.value.code or 0, output, errors


def write_recipe(path: Path, *passes: dict[str, object]) -> str:
    path.write_text(json.dumps({"passes": passes}))
    return path.name


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A folder of model files, whole and broken, of recipes and of data."""
    keras.utils.set_random_seed(7)
    folder = tmp_path_factory.mktemp("files")
    tiny_models.sequential().save(folder / "model.keras")
    ncl.MagnitudePruning(sparsity=0.5)(tiny_models.sequential()).save(
        folder / "half.keras"
    )
    _broken_models(folder)
    write_recipe(folder / "recipe.json", MAGNITUDE, UNIFORM)
    write_recipe(folder / "tune.json", MAGNITUDE, TUNE)
    write_recipe(folder / "unknown_pass.json", {"pass": "MagnitudPruning"})
    write_recipe(folder / "unknown_field.json", {**MAGNITUDE, "sparsty": 0.5})
    write_recipe(folder / "bad_value.json", {**MAGNITUDE, "sparsity": 1.5})
    write_recipe(folder / "bad_type.json", {**UNIFORM, "bits": "four"})
    write_recipe(folder / "bad_select.json", {**MAGNITUDE, "select": [7]})
    (folder / "no_json.json").write_text("sparsity = 0.9")
    (folder / "no_passes.json").write_text("[]")
    generator = np.random.default_rng(0)
    (folder / "data").mkdir()
    for part, count in (("train", 32), ("validation", 16), ("test", 16)):
        np.savez(
            folder / "data" / f"{part}.npz",
            x=generator.random((count, *tiny_models.IMAGE)).astype("float32"),
            y=generator.integers(0, tiny_models.CLASSES, count),
        )
    (folder / "empty").mkdir()
    for name, shape, label in (
        ("wrong_shape", (32, 5, 5, 3), 0),
        ("wrong_labels", (32, *tiny_models.IMAGE), tiny_models.CLASSES + 3),
    ):
        (folder / name).mkdir()
        for part in ("train", "validation"):
            np.savez(
                folder / name / f"{part}.npz",
                x=np.zeros(shape, "float32"),
                y=np.full(32, label),
            )
    return folder


def _broken_models(folder: Path) -> None:
    whole = (folder / "model.keras").read_bytes()
    (folder / "text.keras").write_text("This is a text.")
    (folder / "truncated.keras").write_bytes(whole[: len(whole) // 2])
    (folder / "beheaded.keras").write_bytes(whole[len(whole) // 2 :])
    # the signature of the entries in a zip archive's table of contents
    (folder / "contents.keras").write_bytes(whole.replace(b"PK\x01\x02", b"XX\x01\x02"))
    with zipfile.ZipFile(folder / "zip.keras", "w") as archive:
        archive.writestr("readme.txt", "This is a text.")
    with (
        zipfile.ZipFile(folder / "model.keras") as source,
        zipfile.ZipFile(folder / "no_weights.keras", "w") as archive,
    ):
        archive.writestr("config.json", source.read("config.json"))
        archive.writestr("metadata.json", source.read("metadata.json"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of what is the point here
        keras.Sequential([layers.Dense(3)]).save(folder / "unbuilt.keras")

    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

        def get_config(self):
            return {"name": self.name}

    subclassed = Subclassed()
    subclassed(np.ones((1, 3)))
    subclassed.save(folder / "subclassed.keras")
    broken = tiny_models.sequential()
    broken.layers[0].kernel.assign(np.full((3, 3, 3, 6), np.nan))
    broken.save(folder / "nan.keras")


@pytest.fixture(scope="module")
def compressed(files) -> subprocess.CompletedProcess[str]:
    """One whole run, in a process of its own; it writes `small.keras`."""
    return nncompress(
        *("compress", "model.keras", "--recipe", "recipe.json", "-o", "small.keras"),
        *("--no-latency", "--json"),
        folder=files,
    )


@pytest.mark.parametrize("arguments", [(), ("--help",), ("compress", "--help")])
def test_help_names_what_there_is(arguments, monkeypatch, capfd):
    _, output, errors = run_here(*arguments, monkeypatch=monkeypatch, capfd=capfd)

    expected = ("--recipe", "--output") if "compress" in arguments else ("inspect",)
    assert all(word in output + errors for word in expected)


def test_the_version_is_printed():
    result = nncompress("--version")

    assert result.returncode == 0
    assert result.stdout == f"nncompress-lab {ncl.__version__}\n"


def test_help_and_version_come_without_keras():
    code = (
        "import sys\n"
        "from nncompress_lab.cli.commands import main\n"
        "for option in ('--help', '--version'):\n"
        "    sys.argv = ['nncompress', option]\n"
        "    try:\n        main()\n"
        "    except SystemExit:\n        pass\n"
        "    print('keras' in sys.modules or 'tensorflow' in sys.modules)\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    lines = result.stdout.splitlines()
    assert lines.count("False") == 2
    assert "True" not in lines


def test_compress_prints_nothing_but_json(compressed):
    assert compressed.returncode == 0, compressed.stderr
    keys = ["verdict", "stages", "layers", "setup"]
    assert list(json.loads(compressed.stdout)) == keys


def test_compress_reports_a_stage_for_each_pass(compressed):
    stages = json.loads(compressed.stdout)["stages"]

    assert [one["name"] for one in stages] == [
        "original",
        "MagnitudePruning(sparsity=0.9)",
        "UniformQuantization(bits=4)",
    ]
    assert [one["latency_ms"] for one in stages] == [None, None, None]


def test_compress_says_where_the_result_is(compressed):
    assert "Saved small.keras." in compressed.stderr


def test_compress_writes_a_model_that_predicts(compressed, files):
    assert compressed.returncode == 0, compressed.stderr

    model = ncl.load_model(files / "small.keras")

    assert np.isfinite(model.predict(tiny_models.images(), verbose=0)).all()


def test_compress_writes_the_model_that_the_library_makes(compressed, files):
    assert compressed.returncode == 0, compressed.stderr
    expected = ncl.load_recipe(files / "recipe.json")(
        ncl.load_model(files / "model.keras")
    )

    written = ncl.load_model(files / "small.keras")

    # Not `variables`: the seed of Dropout, which no file stores, is one of those.
    for ours, theirs in zip(written.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )


def test_compress_leaves_no_temporary_file(compressed, files):
    assert compressed.returncode == 0, compressed.stderr
    assert [path.name for path in files.glob(".*")] == []


def test_bad_input_ends_a_process_with_code_2_and_one_line(files):
    result = nncompress("inspect", "truncated.keras", folder=files)

    assert result.returncode == 2
    assert result.stderr.startswith("error: truncated.keras is not a .keras file")
    assert result.stderr.count("\n") == 1


def test_inspect_shows_a_row_for_each_layer(files, monkeypatch, capfd):
    monkeypatch.chdir(files)

    code, output, _ = run_here(
        "inspect", "model.keras", monkeypatch=monkeypatch, capfd=capfd
    )

    assert code == 0
    rows = [line.split()[:2] for line in output.splitlines() if line.strip()]
    for row in (["conv", "Conv2D"], ["hidden", "Dense"], ["logits", "Dense"]):
        assert row in rows


def test_inspect_prints_json(files, monkeypatch, capfd):
    monkeypatch.chdir(files)

    code, output, _ = run_here(
        "inspect", "half.keras", "--json", monkeypatch=monkeypatch, capfd=capfd
    )

    facts = json.loads(output)
    assert code == 0
    assert facts["model"]["parameters"] == tiny_models.sequential().count_params()
    conv = facts["layers"][0]
    # half of the kernel and all biases, which start as zeros, are zero
    assert conv["parameters"] == 3 * 3 * 3 * 6 + 6
    assert conv["nonzeros"] == 3 * 3 * 3 * 6 // 2
    assert conv["macs"] == (6 * 6) * (3 * 3 * 3) * 6


def test_compress_with_a_data_folder_trains_and_measures_accuracy(
    files, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(files)
    output = tmp_path / "tuned.keras"

    code, text, errors = run_here(
        *("compress", "model.keras", "--recipe", "tune.json", "-o", str(output)),
        *("--data", "data", "--no-latency", "--json"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 0, errors
    facts = json.loads(text)
    # 16 test images: every accuracy is a whole number of sixteenths.
    assert all((16 * one["accuracy"]).is_integer() for one in facts["stages"])
    assert facts["setup"]["data"].endswith("16 examples")
    # FineTune keeps the zeros of 9 in 10 kernel weights.
    pruned, tuned = facts["stages"][1:]
    assert tuned["nonzeros"] < 0.2 * tuned["parameters"]
    assert tuned["parameters"] == pruned["parameters"]


def test_compress_measures_the_metrics_that_are_named(
    files, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(files)
    command = ("compress", "model.keras", "--recipe", "tune.json", "--no-latency")
    given = ("-o", str(tmp_path / "tuned.keras"), "--data", "data", "--json")

    code, text, errors = run_here(
        *(*command, *given, "--metric", "sparse_top_k_categorical_accuracy"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )
    wrong, _, hint = run_here(
        *(*command, *given, "--metric", "AUCC"), monkeypatch=monkeypatch, capfd=capfd
    )

    assert code == 0, errors
    stage = json.loads(text)["stages"][-1]
    # Of four classes, the label is among the first five.
    assert stage["metrics"] == {"sparse_top_k_categorical_accuracy": 1.0}
    assert stage["accuracy"] is None
    assert wrong == 2
    assert "'AUC'?" in hint


def test_export_writes_a_file_that_a_runtime_loads(files, monkeypatch, capfd):
    written = files / "exported.onnx"

    code, output, errors = run_here(
        "export",
        str(files / "model.keras"),
        "-o",
        str(written),
        "--json",
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert (code, errors) == (0, "")
    facts = json.loads(output)
    assert facts["bytes"] == written.stat().st_size
    assert facts["difference"] <= 1e-5
    expected = ncl.load_model(files / "model.keras").predict(tiny_models.images())
    outputs = ncl.runtimes.load(written).predict(tiny_models.images())
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_export_names_the_file_and_the_difference(files, monkeypatch, capfd):
    written = files / "shown.onnx"

    code, output, _ = run_here(
        "export",
        str(files / "half.keras"),
        "-o",
        str(written),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 0
    assert f"Wrote {written}, {written.stat().st_size:,} bytes" in output
    assert "Largest difference from Keras" in output


def test_export_refuses_an_unknown_suffix(files, monkeypatch, capfd):
    code, _, errors = run_here(
        "export",
        str(files / "model.keras"),
        "-o",
        str(files / "model.pb"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 2
    assert ".onnx or .tflite" in errors


def test_report_measures_two_files(files, monkeypatch, capfd):
    monkeypatch.chdir(files)

    code, output, errors = run_here(
        *("report", "model.keras", "half.keras", "--data", "data"),
        *("--no-latency", "--json"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 0, errors
    first, second = json.loads(output)["stages"]
    assert [first["name"], second["name"]] == ["model.keras", "half.keras"]
    # The three kernels of the tiny model have 162, 540 and 40 weights.
    assert first["nonzeros"] - second["nonzeros"] == (162 + 540 + 40) // 2


def test_report_shows_the_layers_when_asked(files, monkeypatch, capfd):
    monkeypatch.chdir(files)

    _, output, _ = run_here(
        *("report", "model.keras", "half.keras", "--no-latency", "--layers"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert "hidden" in output


def test_the_name_of_a_written_file_is_shown_as_it_is(
    files, tmp_path, monkeypatch, capfd
):
    model, recipe = str(files / "model.keras"), str(files / "recipe.json")
    monkeypatch.chdir(tmp_path)

    _, _, errors = run_here(
        *("compress", model, "--recipe", recipe, "-o", "small[bold].keras"),
        *("--no-latency", "--json"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert "Saved small[bold].keras." in errors


def test_a_packed_model_is_unpacked_as_it_was(files, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    model = str(files / "half.keras")

    packing = run_here(
        "pack", model, "-o", "half.ncz", monkeypatch=monkeypatch, capfd=capfd
    )
    unpacking = run_here(
        *("unpack", "half.ncz", "-o", "half.keras"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert (packing[0], unpacking[0]) == (0, 0)
    packed_bytes = Path("half.ncz").stat().st_size
    assert f"into half.ncz ({packed_bytes:,} bytes, " in packing[2]
    assert "Saved half.keras." in unpacking[2]
    before, after = ncl.load_model(model), ncl.load_model("half.keras")
    for old, new in zip(before.weights, after.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_damaged_packed_file_is_refused(files, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    ncl.pack(ncl.load_model(files / "model.keras"), "model.ncz")
    whole = Path("model.ncz").read_bytes()
    Path("damaged.ncz").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    code, _, errors = run_here(
        *("unpack", "damaged.ncz", "-o", "model.keras"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 2
    assert "damaged.ncz cannot be unpacked: tensor 'layers/" in errors
    assert not Path("model.keras").exists()


BAD_MODELS = {
    "missing": ("nowhere.keras", ("no file nowhere.keras", "Check the path")),
    "folder": ("empty", ("no file empty", "Check the path")),
    "text": ("text.keras", ("text.keras is not a .keras file", "Save the model")),
    "zip": ("zip.keras", ("zip.keras", "config.json is missing", "readme.txt")),
    "truncated": ("truncated.keras", ("truncated.keras is not a .keras file",)),
    "beheaded": ("beheaded.keras", ("beheaded.keras",)),
    "contents": ("contents.keras", ("contents.keras",)),
    "no weights": ("no_weights.keras", ("no_weights.keras cannot be loaded",)),
    "unbuilt": ("unbuilt.keras", ("has no weights yet", "keras.Input")),
    "subclassed": (
        "subclassed.keras",
        ("subclassed.keras cannot be loaded", "Subclassed", "register"),
    ),
}


@pytest.mark.parametrize(("model", "said"), BAD_MODELS.values(), ids=BAD_MODELS)
def test_a_bad_model_file_is_named_with_what_is_wrong(
    model, said, files, monkeypatch, capfd
):
    monkeypatch.chdir(files)

    code, output, errors = run_here(
        "inspect", model, monkeypatch=monkeypatch, capfd=capfd
    )

    assert (code, output) == (2, "")
    assert errors.startswith("error: ")
    assert [part for part in said if part not in errors] == []


BAD_RECIPES = {
    "missing": ("nowhere.json", ("nowhere.json cannot be read", "Check the path")),
    "folder": ("empty", ("empty cannot be read", "Check the path")),
    "no JSON": ("no_json.json", ("no_json.json is not JSON", '{"passes": [')),
    "no passes": ("no_passes.json", ('a list of "passes"', "Received: []")),
    "unknown pass": (
        "unknown_pass.json",
        ("unknown pass 'MagnitudPruning'", "Did you mean 'MagnitudePruning'?"),
    ),
    "unknown field": (
        "unknown_field.json",
        ("unknown field 'sparsty'", "Did you mean 'sparsity'?"),
    ),
    "bad value": ("bad_value.json", ("MagnitudePruning", "1.5")),
    "bad type": ("bad_type.json", ("UniformQuantization", "four")),
    "bad selection": ("bad_select.json", ("MagnitudePruning", "select", "[7]")),
    "needs data": (
        "tune.json",
        ("needs train and validation", "--data"),
    ),
}


@pytest.mark.parametrize(("recipe", "said"), BAD_RECIPES.values(), ids=BAD_RECIPES)
def test_a_bad_recipe_is_refused_with_value_and_remedy(
    recipe, said, files, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(files)
    output = str(tmp_path / "out.keras")

    code, printed, errors = run_here(
        *("compress", "model.keras", "--recipe", recipe, "-o", output),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert (code, printed) == (2, "")
    assert errors.startswith("error: ")
    assert [part for part in said if part not in errors] == []


BAD_OUTPUTS = {
    "no folder": ("nowhere/out.keras", ("folder nowhere does not exist", "Create it")),
    "suffix": ("out.h5", ("ends in .keras", "'out.h5'")),
    "no suffix": ("out", ("ends in .keras", "'out'")),
    "a folder": ("folder.keras", ("folder.keras",)),
}


@pytest.mark.parametrize(("output", "said"), BAD_OUTPUTS.values(), ids=BAD_OUTPUTS)
def test_a_bad_output_is_refused(output, said, files, tmp_path, monkeypatch, capfd):
    model, recipe = str(files / "model.keras"), str(files / "recipe.json")
    (tmp_path / "folder.keras").mkdir()
    monkeypatch.chdir(tmp_path)

    code, printed, errors = run_here(
        *("compress", model, "--recipe", recipe, "-o", output),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert (code, printed) == (2, "")
    assert [part for part in said if part not in errors] == []


@pytest.mark.parametrize("output", ["nowhere/out.keras", "out.h5"])
def test_the_demo_refuses_a_bad_output_before_it_begins(output, monkeypatch, capfd):
    code, printed, errors = run_here(
        "demo", "-o", output, monkeypatch=monkeypatch, capfd=capfd
    )

    assert (code, printed) == (2, "")
    assert output in errors


@pytest.mark.parametrize(
    ("data", "said"),
    [("nowhere", "is not a folder"), ("empty", "holds none of them")],
)
def test_a_bad_data_folder_is_refused(data, said, files, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(files)
    output = str(tmp_path / "out.keras")

    code, _, errors = run_here(
        *("compress", "model.keras", "--recipe", "tune.json", "-o", output),
        *("--data", data),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 2
    assert f"'{data}', which {said}" in errors


@pytest.mark.parametrize("data", ["wrong_shape", "wrong_labels"])
def test_data_that_does_not_fit_the_model_is_refused(
    data, files, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(files)
    output = tmp_path / "out.keras"

    code, _, errors = run_here(
        *("compress", "model.keras", "--recipe", "tune.json", "-o", str(output)),
        *("--data", data, "--no-latency"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 2
    assert "error: " in errors
    assert not output.exists()


@pytest.mark.parametrize(
    ("model", "recipe"),
    [
        ("model.keras", "tune.json"),
        ("model.keras", "no_json.json"),
        ("truncated.keras", "recipe.json"),
        ("nan.keras", "recipe.json"),
    ],
)
def test_a_compression_that_fails_keeps_the_old_output(
    model, recipe, files, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(files)
    output = tmp_path / "out.keras"
    output.write_bytes(b"old")

    code, _, _ = run_here(
        *("compress", model, "--recipe", recipe, "-o", str(output)),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert code == 2
    assert output.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [output]


def test_the_demo_has_four_stages_and_makes_the_model_smaller(monkeypatch, capfd):
    whole = ncl.data.fashion_mnist()
    parts = {part: getattr(whole, part) for part in ("train", "validation", "test")}
    few = replace(whole, **{name: part.take(64) for name, part in parts.items()})
    monkeypatch.setattr(ncl.data, "fashion_mnist", lambda: few)
    monkeypatch.setattr(latency, "BLOCK_SECONDS", 0.001)  # nobody looks at the times

    code, output, errors = run_here(
        "demo", "--json", monkeypatch=monkeypatch, capfd=capfd
    )

    assert code == 0, errors
    stages = json.loads(output)["stages"]
    assert [one["name"].partition("(")[0] for one in stages] == [
        "original",
        "MagnitudePruning",
        "FineTune",
        "UniformQuantization",
    ]
    assert all((64 * one["accuracy"]).is_integer() for one in stages)
    # 4 of 5 weights are zero, and the others take a byte instead of four.
    assert stages[-1]["packed_bytes"] < stages[0]["packed_bytes"] / 5


def test_a_missing_file_is_reported_before_keras_starts():
    commands = [
        ["inspect", "none.keras"],
        ["report", "none.keras", "other.keras"],
        ["compress", "none.keras", "--recipe", "r.json", "-o", "small.keras"],
        ["pack", "none.keras", "-o", "small.ncz"],
        ["unpack", "none.keras", "-o", "whole.keras"],
    ]
    code = (
        "import json, sys\n"
        "from nncompress_lab.cli.commands import app\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    try:\n        app(command)\n"
        "    except Exception as error:\n"
        "        print(str(error).splitlines()[0], 'keras' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=True,
    )

    lines = run.stdout.splitlines()
    assert len(lines) == len(commands)
    for line in lines:
        assert "There is no file none.keras" in line
        assert line.endswith(" False")


def test_a_module_is_imported_that_registers_a_layer(tmp_path, monkeypatch, capfd):
    (tmp_path / "mine_for_cli.py").write_text(
        "import keras\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "class Twice(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("mine_for_cli")
    parts = [keras.Input((3,)), module.Twice(), layers.Dense(2)]
    keras.Sequential(parts).save("m.keras")
    del keras.saving.get_custom_objects()["mine>Twice"]
    del sys.modules["mine_for_cli"]

    refused = run_here("inspect", "m.keras", monkeypatch=monkeypatch, capfd=capfd)
    loaded = run_here(
        *("--import", "mine_for_cli", "inspect", "m.keras"),
        monkeypatch=monkeypatch,
        capfd=capfd,
    )

    assert refused[0] == 2
    assert "Twice" in refused[2]
    assert loaded[0] == 0


@pytest.mark.parametrize(
    ("module", "said"), [("missing_for_cli", "No module named"), ("broken", "oh no")]
)
def test_a_module_that_cannot_be_imported_is_named(
    module, said, tmp_path, monkeypatch, capfd
):
    (tmp_path / "broken.py").write_text("raise RuntimeError('oh no')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    code, _, errors = run_here(
        "--import", module, "inspect", "m.keras", monkeypatch=monkeypatch, capfd=capfd
    )

    assert code == 2
    assert f"--import {module}" in errors
    assert said in errors


@pytest.mark.parametrize(
    "command",
    [
        ("compress", "m.keras", "--recipe", "r.json", "-o", "out/o.keras"),
        ("export", "m.keras", "-o", "out/o.onnx"),
        ("pack", "m.keras", "-o", "out/o.ncz"),
        ("demo", "-o", "out/o.keras"),
    ],
    ids=lambda one: one[0],
)
def test_a_folder_that_may_not_be_written_to_is_refused_before_the_work(
    command, tmp_path, monkeypatch, capfd
):
    keras.Sequential([keras.Input((3,)), layers.Dense(2)]).save(tmp_path / "m.keras")
    (tmp_path / "out").symlink_to("/proc/self")  # where nobody may make a file
    monkeypatch.chdir(tmp_path)
    for work in ("load_model", "compress"):
        monkeypatch.setattr(ncl, work, lambda *_, **__: pytest.fail("work began"))

    code, _, errors = run_here(*command, monkeypatch=monkeypatch, capfd=capfd)

    assert code == 2
    assert "may not be written to" in errors


def test_a_data_folder_calibrates_on_its_first_training_examples(tmp_path):
    x = np.arange(600)[:, None]
    np.savez(tmp_path / "train.npz", x_a=x, x_b=-x, y=np.zeros(600))

    found = context_of(str(tmp_path)).calibration.x

    np.testing.assert_array_equal(found["a"], x[:512])
    np.testing.assert_array_equal(found["b"], -x[:512])
