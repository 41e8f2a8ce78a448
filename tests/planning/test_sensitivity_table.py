"""The table of a scan: looked up, written down and read again."""

import dataclasses

import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.planning.arrays.rank_correlation import rank_correlation
from nncompress_lab.planning.sensitivity import Note, Point, Row, Sensitivity

OPTIONS = (
    ncl.UniformQuantization(bits=4),
    ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), ncl.UniformQuantization(bits=2)),
)
ROWS = (
    Row("conv", ("conv",), 0, 0.25, 0.1, -0.01, -300, -200, 0, proxy=0.2),
    Row("conv", ("conv",), 1, 0.5, 0.2, -0.02, -400, -300, 0, proxy=0.3),
    Row("dense", ("dense",), 1, 0.125, 0.3, 0.0, -40, -30, None, 0.5, proxy=0.1),
)
TABLE = Sensitivity(
    model="tiny",
    metric="accuracy",
    mode="max",
    examples=24,
    original=Point(0.5, 0.9, 4000, 3500, 9000, 1000),
    options=OPTIONS,
    rows=ROWS,
    notes=(Note("dense", 0, "it would grow"),),
    is_fraction=True,
)


def test_a_row_is_found_by_its_unit_and_option():
    assert TABLE.units == ("conv", "dense")
    assert TABLE.of("conv", 1) is ROWS[1]
    assert TABLE.of("dense", 0) is None


def test_json_holds_all_of_it():
    again = Sensitivity.from_json(TABLE.to_json())

    for field in dataclasses.fields(Sensitivity):
        assert getattr(again, field.name) == getattr(TABLE, field.name), field.name


def test_what_is_no_sensitivity_is_refused():
    with pytest.raises(ValueError, match="as to_json"):
        Sensitivity.from_json('{"passes": []}')


def test_the_frame_is_tidy():
    frame = TABLE.to_dataframe()

    assert len(frame) == len(ROWS)
    assert list(frame["label"]) == [OPTIONS[one.option].label for one in ROWS]


def test_both_forms_show_what_is_left_alone_and_escape_names():
    strange = dataclasses.replace(TABLE, model="<tiny>")

    assert str(TABLE).splitlines()[2].split() == ["dense", "-", "0.12"]
    assert "&lt;tiny&gt;" in strange._repr_html_()
    assert "Rank correlation" in str(TABLE)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [1, 4, 9, 16], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 2, 4], [1, 2, 3, 4], 0.948683),  # ties share a rank, as in SciPy
    ],
)
def test_rank_correlation(one, other, expected):
    assert rank_correlation(one, other) == pytest.approx(expected, abs=1e-6)


def test_of_equal_values_there_is_no_order():
    assert np.isnan(rank_correlation([1, 1], [1, 2]))


def test_each_unit_has_a_panel_on_shared_axes():
    figure = TABLE.plot()

    panels = [one for one in figure.axes if one.get_visible()]
    assert [one.get_title() for one in panels] == list(TABLE.units)
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert len(panels[0].collections) == 2
    (legend,) = figure.legends
    assert [one.get_text() for one in legend.get_texts()] == list(TABLE.labels)
