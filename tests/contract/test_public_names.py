"""What `import nncompress_lab as ncl` offers."""

import inspect
import subprocess
import sys
import typing

import pytest

import nncompress_lab as ncl

NAMES = sorted(set(ncl.__all__) - {"__version__"})


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_exists_and_is_documented(name):
    thing = getattr(ncl, name)

    assert inspect.getdoc(thing)


def test_dir_lists_the_public_names():
    assert set(NAMES) <= set(dir(ncl))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="attribute Quantise"):
        _ = ncl.Quantise


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_importing_the_package_does_not_start_keras():
    code = (
        "import sys, nncompress_lab, nncompress_lab.cli.commands\n"
        "print('keras' in sys.modules)"
    )

    assert run(code) == "False"


def test_quantized_layers_are_known_to_a_keras_that_comes_later():
    code = (
        "import nncompress_lab, keras\n"
        "name = 'nncompress_lab>QuantizedDense'\n"
        "print(keras.saving.get_registered_object(name) is not None)"
    )

    assert run(code) == "True"


def test_without_a_backend_one_sentence_says_so():
    code = (
        "import sys\n"
        "sys.modules['tensorflow'] = None\n"
        "import nncompress_lab as ncl\n"
        "try:\n    ncl.FineTune\n"
        "except ImportError as error:\n    print(error)"
    )

    assert "Keras has no backend to run on" in run(code)


def test_public_functions_have_complete_type_hints():
    for name in NAMES:
        thing = getattr(ncl, name)
        if inspect.isfunction(thing):
            assert "return" in typing.get_type_hints(thing), name
