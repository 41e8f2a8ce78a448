"""A trial of pipelines applies no pass twice, and shows what each of them does."""

import threading

import keras
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.trials import studio
from nncompress_lab.trials.knobs import first_cards, knob_of
from nncompress_lab.trials.studio import OvertakenError, Stage, StudioTrial

PRUNED = ncl.MagnitudePruning(sparsity=0.5)
FOUR = ncl.UniformQuantization(bits=4)
TRAINED = ncl.FineTune(epochs=1)

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def tried() -> tuple[keras.Model, StudioTrial]:
    """A model and its trial, which only learns when it is asked."""
    with tiny_models.eagerly():
        model = tiny_models.sequential()
        return model, StudioTrial(model, tiny_models.context())


@pytest.fixture
def applied(monkeypatch) -> list[ncl.Pass]:
    """The passes that are applied, one after the other."""
    found: list[ncl.Pass] = []
    for kind in (ncl.MagnitudePruning, ncl.UniformQuantization):

        def transform(step, model, context, inner=kind.transform):
            found.append(step)
            return inner(step, model, context)

        monkeypatch.setattr(kind, "transform", transform)
    return found


@pytest.mark.parametrize(
    "steps",
    [
        (PRUNED, TRAINED, FOUR, ncl.CorrectBias(examples=8)),  # compares with floats
        (FOUR, PRUNED),
        (),
    ],
    ids=["trained", "quantized-first", "nothing"],
)
def test_models_and_figures_are_those_of_the_pipeline(tried, steps):
    model, trial = tried

    made = trial.made(steps)
    *_, last = trial.measured(steps)

    result = trial.setting(steps)(model, tiny_models.context())
    tiny_models.assert_same_weights(made, result)
    validation = tiny_models.context().validation
    assert last.score == measure.accuracy(result, validation)
    assert last.more["nonzeros"] == measure.nonzeros(result)
    sizes = measure.file_sizes(result)
    assert trial.weighed(steps) == {
        "keras_bytes": sizes.keras,
        "packed_bytes": sizes.packed,
    }


def test_all_stages_are_known_once_the_last_score_is_out(tried):
    _, trial = tried
    steps = (ncl.MagnitudePruning(sparsity=0.6), FOUR)
    assert trial.stages(steps)[1:] == [Stage(), Stage()]

    *_, last = trial.measured(steps)
    trial.weighed(steps)

    stages = trial.stages(steps)
    assert len(stages) == 3
    assert stages[-1].measured == last
    assert {one.measured.examples for one in stages} == {trial.examples}
    sizes = [one.weighed["packed_bytes"] for one in stages]
    assert sizes == sorted(sizes, reverse=True)


def test_another_last_pass_costs_one_pass_and_an_earlier_pipeline_none(tried, applied):
    _, trial = tried
    first = ncl.MagnitudePruning(sparsity=0.3)

    for bits in (2, 3, 2):
        steps = (first, ncl.UniformQuantization(bits=bits))
        list(trial.measured(steps))
        trial.weighed(steps)

    assert applied == [first, *(ncl.UniformQuantization(bits=bits) for bits in (2, 3))]


def test_models_are_forgotten_and_figures_are_not(tried, applied, monkeypatch):
    _, trial = tried
    monkeypatch.setattr(studio, "KEPT", 2)
    steps = (ncl.MagnitudePruning(sparsity=0.2), FOUR)
    list(trial.measured(steps))
    trial.made((PRUNED,))
    applied.clear()

    *_, again = trial.measured(steps)

    assert not applied
    assert again == trial.stages(steps)[-1].measured
    assert len(trial._models) == 2
    trial.made(steps)
    assert applied == list(steps)


def test_pruning_after_quantization_finds_nothing_to_prune(tried):
    _, trial = tried
    *_, last = trial.measured((FOUR, PRUNED))

    before, after = trial.stages((FOUR, PRUNED))[1:]
    assert after.left.startswith("0 % of the weights. Left alone:")
    assert "quantized" in after.left
    assert before.left == trial.stages((PRUNED,))[-1].left == ""
    assert last.more["nonzeros"] == before.measured.more["nonzeros"]


def test_whoever_listens_can_end_a_pass_and_nothing_of_it_is_kept(tried, monkeypatch):
    _, trial = tried
    told = []

    def listen(steps, done):
        told.append(done)
        if done:
            raise OvertakenError

    steps = (ncl.FineTune(epochs=3),)
    monkeypatch.setattr(trial, "heard", listen)
    with pytest.raises(OvertakenError):
        list(trial.measured(steps))

    assert len(told) == 2
    assert 0 == told[0] < told[1] < 1
    assert trial.stages(steps)[-1] == Stage()


def test_several_threads_may_ask_for_the_same(tried, applied):
    _, trial = tried
    steps = (ncl.MagnitudePruning(sparsity=0.1), FOUR)
    scores = []

    def ask():
        scores.append([*trial.measured(steps)][-1])
        trial.weighed(steps)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(scores) == 3
    assert scores == [trial.stages(steps)[-1].measured] * 3
    assert len(applied) == 2


def test_what_is_known_is_there_while_another_pass_is_under_way(tried, monkeypatch):
    _, trial = tried
    known = (PRUNED, FOUR)
    began, go = threading.Event(), threading.Event()
    score, sizes = trial.score(known), trial.weighed(known)

    def listen(steps, done):
        began.set()
        go.wait(60)

    monkeypatch.setattr(trial, "heard", listen)
    other = threading.Thread(target=trial.made, args=[(FOUR, FOUR, PRUNED)])
    other.start()
    assert began.wait(60)
    assert (trial.score(known), trial.weighed(known)) == (score, sizes)
    assert trial.made(known) is trial.made(known)
    go.set()
    other.join()


def test_without_training_examples_a_training_says_what_it_needs():
    model = tiny_models.sequential()
    trial = StudioTrial(model, tiny_models.context().validation)

    assert not trial.can_train
    with pytest.raises(ncl.MissingContextError, match="FineTune needs train"):
        trial.score((TRAINED,))


@pytest.mark.parametrize(
    ("step", "name", "least", "most"),
    [
        (PRUNED, "sparsity", 0.0, 0.99),
        (ncl.ChannelPruning(macs=0.5), "macs", 0.05, 1.0),
        (ncl.LowRank(rank=0.25), "rank", 0.05, 0.95),
        (ncl.LowRank(rank=24), "rank", 1, 256),
        (ncl.LowRank(energy=0.995), "energy", 0.01, 0.995),
        (FOUR, "bits", 2, 8),
        (ncl.CodebookQuantization(bits=4), "bits", 1, 8),
        (ncl.RateAwareQuantization(bits=1.5), "bits", 0.5, 4.0),
        (TRAINED, "epochs", 1, 5),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_place_of_a_slider_is_a_pass(step, name, least, most):
    knob = knob_of(step)

    assert knob.name == name
    assert (knob.values[0], knob.values[-1]) == (least, most)
    assert getattr(step, name) in knob.values
    for value in knob.values:
        assert getattr(knob.turned(step, value), name) == value
    assert knob.turned(step, knob.value) == step


def test_what_has_no_main_number_has_no_slider():
    assert knob_of(ncl.FoldBatchNorm()) is None
    assert knob_of(ncl.MagnitudePruning(threshold=0.1)) is None


def test_a_studio_begins_with_pruning_and_a_codebook():
    cards = first_cards(tiny_models.residual(), can_train=True)

    applied = [type(step) for step, on in cards if on]
    assert applied == [ncl.MagnitudePruning, ncl.CodebookQuantization]
    kinds = {type(step) for step, _ in cards}
    assert {ncl.FoldBatchNorm, ncl.FineTune} <= kinds
    fewer = first_cards(tiny_models.sequential(), can_train=False)
    kinds = {type(step) for step, _ in fewer}
    assert ncl.FineTune not in kinds
