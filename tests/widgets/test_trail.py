"""The trail is well-formed, to scale, and can be read without seeing it."""

import xml.etree.ElementTree as ET

import pytest

from nncompress_lab.trials.goal import Goal
from nncompress_widgets.outcome import Visit
from nncompress_widgets.trail import trail_svg

ORIGINAL = {"accuracy": 0.92, "packed_bytes": 700_000, "macs": 2_000_000}
VISITS = [Visit({"*": 0.5}, 0.91, 350_000), Visit({"*": 0.9}, 0.46, 70_000)]


def trail(
    visits=VISITS, *, here=True, expected=None, cost="packed_bytes", **bounds
) -> ET.Element:
    goal = Goal(**bounds) if bounds else None
    picture = trail_svg(
        visits, ORIGINAL, here=here, goal=goal, expected=expected, cost=cost
    )
    return ET.fromstring(picture)


def place(circle: ET.Element) -> tuple[float, float]:
    return float(circle.get("cx")), float(circle.get("cy"))


def circles(svg: ET.Element, kind: str) -> list[ET.Element]:
    return [one for one in svg.findall("circle") if one.get("class").endswith(kind)]


def test_every_visit_is_a_dot_and_the_original_a_ring():
    svg = trail()

    (ring,), (here,), (before,) = (circles(svg, k) for k in ("ring", "here", "visit"))
    assert place(ring)[0] > place(before)[0] > place(here)[0]
    assert place(ring)[1] < place(before)[1] < place(here)[1]
    assert here.find("title").text == "46.0 %, 70.0 kB"


def test_bytes_are_to_scale():
    (ring,), (here,) = (circles(trail(), kind) for kind in ("ring", "here"))

    left = 52  # where the bytes are 0
    assert (place(here)[0] - left) / (place(ring)[0] - left) == pytest.approx(
        0.1, abs=0.01
    )


def test_a_setting_that_the_control_has_left_is_a_small_dot():
    assert not circles(trail(here=False), "here")
    assert len(circles(trail(here=False), "visit")) == 2


def test_the_goals_bounds_are_lines():
    svg = trail(accuracy_drop=0.02, packed_bytes=100_000)

    lines = [
        one for one in svg.findall("line") if one.get("class").endswith("threshold")
    ]
    horizontal, vertical = lines
    assert horizontal.get("y1") == horizontal.get("y2")
    assert vertical.get("x1") == vertical.get("x2")
    (ring,), (here,) = (circles(svg, kind) for kind in ("ring", "here"))
    assert place(ring)[1] < float(horizontal.get("y1")) < place(here)[1]
    assert place(here)[0] < float(vertical.get("x1")) < place(ring)[0]


def test_before_the_first_visit_there_is_the_ring():
    assert circles(trail([]), "ring")
    assert trail([]).get("aria-label").endswith("the ring is the original.")


def test_it_says_in_a_sentence_where_the_control_is():
    assert trail().get("aria-label").endswith("The last has 46.0 % at 70.0 kB.")


@pytest.mark.parametrize("expected", [0.0, 0.6, 1.0])
def test_what_the_user_expects_is_a_line_within_the_picture(expected):
    svg = trail(expected=expected)

    (line,) = [
        one for one in svg.findall("line") if one.get("class").endswith("expected")
    ]
    assert 26 <= float(line.get("y1")) <= 116


def test_it_may_be_drawn_over_macs():
    visits = [Visit({"dense1": 16}, 0.9, 500_000)]

    svg = trail(visits, cost="macs", macs=1_000_000, packed_bytes=1)

    (ring,), (here,) = (circles(svg, kind) for kind in ("ring", "here"))
    left = 52
    assert (place(here)[0] - left) / (place(ring)[0] - left) == pytest.approx(
        0.25, abs=0.01
    )
    assert here.find("title").text == "90.0 %, 500 k"
    assert svg.get("aria-label").endswith("The last has 90.0 % at 500 k.")
    (bound,) = [
        one for one in svg.findall("line") if one.get("class").endswith("threshold")
    ]
    assert place(here)[0] < float(bound.get("x1")) < place(ring)[0]


@pytest.mark.parametrize("accuracy", [0.901, 0.91, 0.93, 0.989])
def test_words_beside_lines_are_off_the_axis(accuracy):
    svg = trail([], here=False, expected=accuracy, accuracy_drop=0.92 - accuracy + 0.07)

    words = {one.text: float(one.get("y")) for one in svg.findall("text")}
    axis = max(float(one.get("y1")) for one in svg.findall("line[@class]"))
    assert all(words[said] < axis - 4 for said in ("goal", "expected"))


@pytest.mark.parametrize("cost", [10_000, 50_000, 90_000, 190_000])
def test_no_word_lies_on_a_mark(cost):
    visits = [Visit(0, 0.88, cost)]
    svg = trail(visits, accuracy_drop=0.02, packed_bytes=cost)

    (goal,) = [one for one in svg.findall("text") if one.text == "goal"]
    start, (x, _) = float(goal.get("x")), place(circles(svg, "here")[0])
    assert not start - 5 < x < start + 29


@pytest.mark.parametrize("expected", [0.85, 0.89, 0.9, 0.91, 0.95])
def test_no_word_lies_on_the_line_of_another(expected):
    svg = trail(expected=expected, accuracy_drop=0.02)

    kinds = {"goal": "threshold", "expected": "expected"}
    words = {one.text: float(one.get("y")) for one in svg.findall("text")}
    for word, kind in kinds.items():
        lines = [
            float(one.get("y1"))
            for one in svg.findall("line")
            if any(one.get("class").endswith(other) for other in kinds.values())
        ]
        assert not any(words[word] - 9 < y < words[word] + 2 for y in lines), kind
