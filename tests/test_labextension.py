"""The plugin is built from the sources that are here, and is in the wheel once."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "widgets" / "labextension"
BUILT = ROOT / "nncompress_lab" / "labextension"
SHARED = "data/share/jupyter/labextensions/nncompress-lab"


def package(folder: Path) -> dict:
    return json.loads((folder / "package.json").read_text())


def test_the_built_plugin_is_fresh():
    command = [sys.executable, str(SOURCES / "build.py"), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_changed_source_is_noticed(tmp_path):
    copy = tmp_path / "widgets" / "labextension"
    for path in [SOURCES / "build.py", *SOURCES.glob("src/*.ts")]:
        target = copy / path.relative_to(SOURCES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    stamp = tmp_path / "nncompress_lab" / "labextension" / "source.sha256"
    stamp.parent.mkdir(parents=True)
    stamp.write_text((BUILT / "source.sha256").read_text())
    command = [sys.executable, str(copy / "build.py"), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "python widgets/labextension/build.py" in done.stderr.replace("\n", " ")


def test_what_jupyterlab_loads_is_there():
    build = package(BUILT)["jupyterlab"]["_build"]

    assert (BUILT / build["load"]).is_file()
    assert (BUILT / "static" / "style.js").is_file()


@pytest.mark.parametrize("folder", [SOURCES, BUILT])
def test_plugin_and_library_have_the_same_version(folder):
    assert package(folder)["version"] == metadata.version("nncompress-lab")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", "-q", *options, str(ROOT)]
    subprocess.run(command, check=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_the_plugin_once(wheel):
    built = {path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*.*")}
    names = wheel.namelist()

    shipped = [name.partition(f"{SHARED}/")[2] for name in names if SHARED in name]

    assert sorted(shipped) == sorted({*built, "install.json"})
    assert not [
        name for name in names if name.startswith("nncompress_lab/labextension")
    ]
    assert [name for name in names if name.endswith("config.d/nncompress_lab.json")]


def test_the_wheel_holds_the_lessons(wheel):
    lessons = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    prefix = "nncompress_lab/lessons/"

    shipped = [name for name in wheel.namelist() if name.startswith(prefix)]

    assert lessons
    assert lessons <= {name.removeprefix(prefix) for name in shipped}
