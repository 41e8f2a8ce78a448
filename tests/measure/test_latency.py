"""The race: its verdicts on hand-made figures, its timing on work of known length."""

import re

import pytest

from nncompress_lab import measure
from nncompress_lab.measure import Race
from nncompress_lab.measure.latency import LEAST_BAND

BAND = 0.04


def loop(turns: int):
    """A candidate that counts down; its time is proportional to `turns`."""

    def run() -> None:
        left = turns
        while left:
            left -= 1

    return lambda: run


def test_the_speedup_is_how_many_times_the_first_takes_as_long():
    race = Race({"original": 6.0, "small": 1.5}, band=BAND)

    assert race.speedup("small") == 6.0 / 1.5


def test_the_speedup_of_the_first_is_one():
    race = Race({"original": 6.0, "small": 1.5}, band=BAND)

    assert race.speedup("original") == 1.0


@pytest.mark.parametrize(
    ("milliseconds", "verdict"),
    [
        (5.0, "2.00x faster"),
        (8.0, "1.25x faster"),
        (9.5, "1.05x faster"),
        (9.8, "no measurable change"),
        (10.0, "no measurable change"),
        (10.2, "no measurable change"),
        (10.6, "1.06x slower"),
        (20.0, "2.00x slower"),
    ],
)
def test_a_change_within_the_band_is_none(milliseconds, verdict):
    race = Race({"original": 10.0, "small": milliseconds}, band=BAND)

    assert race.verdict("small") == verdict


@pytest.mark.parametrize("milliseconds", [5.0, 9.75, 9.72, 9.7, 10.25, 10.29, 10.32])
def test_what_a_is_to_b_mirrors_what_b_is_to_a(milliseconds):
    one = Race({"a": 10.0, "b": milliseconds}, band=BAND).verdict("b")
    other = Race({"b": milliseconds, "a": 10.0}, band=BAND).verdict("a")

    mirrored = {"faster": "slower", "slower": "faster"}
    assert [mirrored.get(word, word) for word in one.split()] == other.split()


def test_without_noise_the_same_time_is_still_no_change():
    race = Race({"original": 10.0, "small": 10.0}, band=0.0)

    assert race.verdict("small") == "no measurable change"


def test_four_times_the_work_takes_about_four_times_as_long():
    race = measure.race({"short": loop(3_000), "long": loop(12_000)}, rounds=8)

    # Minima over blocks of 8 ms on a machine with other work: a quarter, within a
    # factor of 2 either way, which no other ratio of the two loops would meet.
    assert 0.125 < race.speedup("long") < 0.5


def test_the_latency_is_in_milliseconds():
    race = measure.race({"busy": loop(100_000)}, rounds=4)

    # 100,000 turns of a Python loop take 1 to 10 ms; a factor of 10 either way for
    # slow and fast machines.
    assert 0.1 < race.milliseconds["busy"] < 100


def test_the_noise_is_a_positive_number():
    race = measure.race({"a": loop(1_000), "b": loop(1_000)}, rounds=4)

    # Two runs never take the same nanoseconds; on a busy machine there is no bound.
    assert 0 < race.band < float("inf")


def test_the_candidates_keep_their_order():
    race = measure.race({"z": loop(10), "a": loop(10), "m": loop(10)}, rounds=4)

    assert list(race.milliseconds) == ["z", "a", "m"]


def test_the_first_candidate_is_prepared_twice_and_the_others_once():
    prepared = []

    def candidate(name):
        def prepare():
            prepared.append(name)
            return loop(10)()

        return prepare

    measure.race({name: candidate(name) for name in ("a", "b", "c")}, rounds=4)

    assert sorted(prepared) == ["a", "a", "b", "c"]


def test_a_race_without_candidates_is_refused():
    with pytest.raises(ValueError, match=r"at least one candidate.*0 candidates"):
        measure.race({})


def test_a_race_of_too_few_rounds_is_refused():
    with pytest.raises(ValueError, match=r"4 rounds.*rounds=3"):
        measure.race({"a": loop(10)}, rounds=3)


def test_a_candidate_that_returns_no_function_is_named():
    with pytest.raises(TypeError, match=r"'b', which returned an object of type int"):
        measure.race({"a": loop(10), "b": lambda: 3})


def test_what_was_stated_is_shown():
    race = Race({"a": 2.0, "b": 1.0}, 0.034, rounds=24, threads=1, batch_size=64)

    lines = repr(race).splitlines()

    assert [re.split(r"\s{2,}", line) for line in lines[2:4]] == [
        ["a", "2 ms"],
        ["b", "1 ms", "2.00x faster"],
    ]
    assert lines[-1] == (
        "minimum over 24 interleaved blocks; threads: 1; batch: 64; "
        "noise of this race: ±3.4 %"
    )
    assert "2.00x faster" in race._repr_html_()


def test_what_was_not_stated_is_left_out():
    assert repr(Race({"a": 2.0}, 0.02)).endswith("\nnoise of this race: ±2.0 %")


def test_a_race_keeps_what_it_is_told():
    race = measure.race({"a": loop(10)}, rounds=4, threads=2, batch_size=8)

    assert (race.rounds, race.threads, race.batch_size) == (4, 2, 8)


def test_a_machine_that_interrupts_every_few_milliseconds_leaves_the_minimum(
    monkeypatch,
):
    clock = Interrupted()
    monkeypatch.setattr("nncompress_lab.measure.latency.time", clock)

    race = measure.race({"a": clock.call(1e-4), "b": clock.call(3e-3)}, rounds=4)

    assert race.milliseconds == pytest.approx({"a": 0.1, "b": 3.0})
    assert race.band == LEAST_BAND


class Interrupted:
    """A clock on a machine that gives 6 ms in 20 to us, and the rest to others."""

    def __init__(self) -> None:
        self.worked = 0.0

    def perf_counter(self) -> float:
        return self.worked + 14e-3 * (self.worked // 6e-3)

    def call(self, seconds: float):
        def run() -> None:
            self.worked += seconds

        return lambda: run
