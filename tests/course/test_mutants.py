"""No mechanical mistake in a right answer earns points, unless it is right too.

Every exercise but the choices, whose options are all tried, and the files, which are
measured in a process each, is covered as soon as it has a solution. A mutant that passes
shows a check that hides something: an input that is square or symmetric, one setting only,
a count in place of a comparison.
"""

import os
import warnings

import pytest
from course.answers import answer_of
from course.mutants import mutants

from nncompress_lab.course import build
from nncompress_lab.course.exercises import exercises_of
from nncompress_lab.course.grade import grade
from nncompress_lab.course.progress import PASS

SOLUTIONS = [
    pytest.param(source.name[:2], name, code, id=f"{source.name[:2]}-{name}")
    for source in build.sources()
    for name, code in build.answers(source).items()
    if not isinstance(exercises_of(source.name[:2])[name].reference, str | os.PathLike)
]
SEARCH = "for reach in np.linspace(0, largest, 501)[1:]:"
HEADS = (
    "ncl.ChannelPruning(channels=(('block1_mlp1', 32), ('block2_mlp1', 16), "
    "('block3_attention/query', 1), ('block3_mlp1', 4))"
)
SEED = 1  # of the inputs, which are fresh ones for learners
ALSO_RIGHT = {
    "layer_macs": {
        "np.prod(output_shape[:-1]) -> np.prod(output_shape[:-1][:2])": "an output has "
        "at most two axes of positions",
    },
    "verdict": {
        "ratio > 1 -> ratio >= 1": "the ratio 1 is within every band and came before",
    },
    "global_masks": {
        "zip(np.split(kept, ends), arrays, strict=True) -> "
        "zip(np.split(kept, ends), arrays)": "there are as many parts as arrays",
        "True -> False": "there are as many parts as arrays",
    },
    "two_of_four": {
        "np.argsort(groups, axis=1, kind='stable') -> np.argsort(groups, axis=1)": "four "
        "numbers are sorted by insertion, which is stable",
        "1 -> 2": "NumPy takes every negative length for the one that is open",
    },
    "chosen_pruning": {
        "0.6 -> 0.4": "dense1 alone comes near to the goal",
    },
    "prune_model": {
        "pruned.layers -> pruned.layers[::-1]": "the layers do not depend on each other",
    },
    "nearest_codes": {
        "weights[..., np.newaxis] - table -> (table) - (weights[..., np.newaxis])": "the "
        "magnitude has no sign",
    },
    "moved_table": {
        "table.size -> len(table)": "a table has one axis",
        "table.size -> table.shape[-1]": "a table has one axis",
        "table.size -> table.nbytes": "no weight has a code beyond the table",
        "taken.size -> len(taken)": "what a mask takes has one axis",
        "taken.size -> taken.shape[-1]": "what a mask takes has one axis",
        "taken.size -> taken.nbytes": "it is compared with 0 only",
    },
    "code_bytes": {
        "codes.ravel() -> codes.ravel(order='F')": "counts do not depend on the order",
    },
    "best_table": {
        "0.0 -> 1.0": "each table's error is larger by one",
        "line.size -> len(line)": "a line has one axis",
        "line.size -> line.shape[-1]": "a line has one axis",
        "line.size -> len(line) [2]": "a line has one axis",
        "line.size -> line.shape[-1] [2]": "a line has one axis",
        "line.size -> line.nbytes [2]": "no end lies beyond the line",
        "1 -> 2 [3]": "no end lies beyond the line",
        "start < end -> start <= end": "the error of no weights is not a number, which is "
        "not less",
        "line[start:end].var() * (end - start) -> "
        "2 * (line[start:end].var()) * (end - start)": "the errors of all are doubled",
    },
    "two_factors": {
        "np.linalg.svd(matrix, full_matrices=False) -> np.linalg.svd(matrix)": "what is "
        "more in full matrices is cut off",
        "False -> True": "what is more in full matrices is cut off",
    },
    "chosen_ranks": {
        "30 -> 31": "one rank more is within the goal",
        "48 -> 49": "one rank more is within the goal",
        "ncl.Selection(names=('dense1',)) -> ncl.Selection()": "no other layer is smaller "
        "at rank 48",
        "ncl.LowRank(rank=48, select=ncl.Selection(names=('dense1',))) -> "
        "ncl.LowRank(rank=48)": "no other layer is smaller at rank 48",
    },
    "output_factors": {
        "np.linalg.svd(inputs @ matrix, full_matrices=False) -> "
        "np.linalg.svd(inputs @ matrix)": "what is more in full matrices is cut off",
        "False -> True": "what is more in full matrices is cut off",
    },
    "narrow": {
        "keep.size -> len(keep)": "the truth values have one axis",
        "keep.size -> keep.shape[-1]": "the truth values have one axis",
        "keep.size -> keep.nbytes": "a truth value is one byte",
        "1 -> 2 [2]": "NumPy takes every negative length for the one that is open",
        "1 -> 2 [3]": "NumPy takes every negative length for the one that is open",
    },
    "macs_left": {
        "place == len(layers) -> place >= len(layers)": "no place comes after the last",
    },
    "pack_nibbles": {
        "codes.size -> len(codes)": "the codes have one axis",
        "codes.size -> codes.shape[-1]": "the codes have one axis",
        "codes.size -> codes.nbytes": "a code is one byte",
    },
    "calibrated_range": {
        "np.concatenate([batch.ravel() for batch in batches]) -> "
        "np.concatenate([batch.ravel() for batch in batches][::-1])": "quantiles do not "
        "depend on the order",
        "batch.ravel() -> batch.ravel(order='F')": "quantiles do not depend on the order",
    },
    "fixed_point": {
        "mantissa == 2 ** 31 -> mantissa >= 2 ** 31": "it is never larger than 2**31",
    },
    "unfold": {
        "1 -> 2": "NumPy takes every negative length for the one that is open",
    },
    "mode_basis": {
        "np.linalg.svd(unfold(kernel, mode), full_matrices=False) -> "
        "np.linalg.svd(unfold(kernel, mode))": "the first columns are equal, and more time",
        "False -> True": "the first columns are equal, and more time",
        "return left[:, :rank] -> return -(left[:, :rank])": "signs are free",
    },
    "chosen_factorization": {
        "60 -> 61": "the goal leaves room",
        "ncl.Selection(names=('conv2',)) -> ncl.Selection()": "at this rank conv1 would "
        "become larger and is left",
        "ncl.Factorization('cp', rank=60, select=ncl.Selection(names=('conv2',))) -> "
        "ncl.Factorization('cp', rank=60)": "at this rank conv1 would become larger and is "
        "left",
    },
    "separable": {
        "np.linalg.svd(matrix, full_matrices=False) -> np.linalg.svd(matrix)": "the first "
        "columns are equal, and more time",
        "False -> True": "the first columns are equal, and more time",
    },
    "logit_loss": {
        "teacher - student -> (student) - (teacher)": "the square has no sign",
        "difference - np.mean(difference, axis=-1, keepdims=True) -> "
        "(np.mean(difference, axis=-1, keepdims=True)) - (difference)": "the square has no "
        "sign",
    },
    "gain": {
        "np.mean(gains) -> np.mean(gains, axis=0)": "the gains have one axis",
        "gains.size -> len(gains)": "the gains have one axis",
        "gains.size -> gains.shape[-1]": "the gains have one axis",
    },
    "feature_loss": {
        "np.linalg.lstsq(inputs, teacher, rcond=None) -> "
        "np.linalg.lstsq(inputs, teacher)": "NumPy's default is None",
        "teacher - inputs @ best -> (inputs @ best) - (teacher)": "the square has no sign",
    },
    "prune_then_share": {
        "weights[..., np.newaxis] - values -> (values) - (weights[..., np.newaxis])": "the "
        "magnitude has no sign",
    },
    "chosen_pipeline": {
        "ncl.CodebookQuantization(bits=4) -> ncl.CodebookQuantization()": "4 bits are the "
        "default",
    },
    "kernel_bill": {
        "kernel != 0 -> kernel == 0": "whether a place is taken or free is one question",
    },
    "total_bytes": {
        "zip(costs, chosen, strict=True) -> zip(costs, chosen)": "there is an option for "
        "each layer",
        "True -> False": "there is an option for each layer",
    },
    "choose_options": {
        "for _ in range(costs.size): -> for _ in list(range(costs.size))[1:]:": "there "
        "are more rounds than steps",
        "for _ in range(costs.size): -> for _ in list(range(costs.size))[:-1]:": "there "
        "are more rounds than steps",
        "costs.size -> costs.nbytes": "there are more rounds than steps",
    },
    "choose_for_file": {
        "for _ in range(11): -> for _ in list(range(11))[1:]:": "few repairs are needed",
        "for _ in range(11): -> for _ in list(range(11))[:-1]:": "few repairs are needed",
        "11 -> 12": "few repairs are needed",
        "over <= 0 -> over < 0": "what fits to the byte is chosen again",
    },
    "chosen_plan": {
        "85000 -> 85001": "the plan has some bytes to spare",
        "ncl.plan(model, ncl.Budget(packed_bytes=85000), context, scan=wide) -> "
        "ncl.plan(model, ncl.Budget(packed_bytes=85000), context)": "a plan without a "
        "scan makes its own",
    },
    "chosen_heads": {
        "32 -> 33": "the goal leaves room",
        "16 -> 17": "the goal leaves room",
        "1 -> 2": "the goal leaves room",
        "4 -> 5": "the goal leaves room",
        f"{HEADS}, criterion='taylor') -> {HEADS})": "the goal leaves room",
    },
    "narrow_scores": {
        "np.linalg.svd(product, full_matrices=False) -> np.linalg.svd(product)": "the "
        "first columns are equal, and more time",
        "False -> True": "the first columns are equal, and more time",
    },
    "keep_zeros": {
        "model.layers -> model.layers[::-1]": "the layers do not depend on each other",
    },
    "prune_while_training": {
        "model.layers -> model.layers[::-1]": "the layers do not depend on each other",
        "1 -> 2": "one batch more or less is forgiven",
        "1 -> 2 [2]": "any number below 0 comes before all magnitudes",
        "0 -> 1": "one batch more or less is forgiven",
        "enumerate(batches, start=1) -> enumerate(batches)": "one batch more or less is "
        "forgiven",
    },
    "best_range": {
        f"{SEARCH} -> for reach in list(np.linspace(0, largest, 501)[1:])[1:]:": "the "
        "narrowest of 500 ranges is never the best",
        f"{SEARCH} -> for reach in list(np.linspace(0, largest, 501)[1:])[:-1]:": "the "
        "widest but one is within 0.2 % of the least error",
        "np.linspace(0, largest, 501)[1:] -> np.linspace(0, largest, 501)[:]": "a range "
        "of 0 has an error that is not a number, which is not less",
        "np.sum((weights - rounded) ** 2) -> np.mean((weights - rounded) ** 2)": "the "
        "mean is least where the sum is",
        "error < least -> error <= least": "ties have the same error",
        "501 -> 502": "one candidate more",
        "1 -> 2 [2]": "the narrowest of 500 ranges is never the best",
        "weights - rounded -> (rounded) - (weights)": "the square has no sign",
    },
}


def passing(lesson, name, code):
    """The mutants that pass all checks, those left out that are known to be right."""
    exercises = exercises_of(lesson)
    for mutant in mutants(code, name, set(exercises) - {name}):
        if mutant.mistake in ALSO_RIGHT.get(name, {}):
            continue
        with warnings.catch_warnings(action="ignore"):  # a mutant may be odd Python
            try:
                answer = answer_of(mutant.code, exercises[name], lesson)
            except (TypeError, ValueError):  # of the cell itself, before any check
                continue
            if grade(exercises[name], answer, seed=SEED).status == PASS:
                yield mutant.mistake


@pytest.mark.parametrize(("lesson", "name", "code"), SOLUTIONS)
def test_every_mutant_of_a_solution_fails_or_is_known_to_be_right(lesson, name, code):
    assert list(passing(lesson, name, code)) == []


@pytest.mark.parametrize(("lesson", "name", "code"), SOLUTIONS)
def test_a_solution_has_many_mutants(lesson, name, code):
    found = mutants(code, name, set())

    assert len(found) >= (10 if "def " in code else 3)  # a setting has few places
    assert len({mutant.code for mutant in found}) == len(found)
    assert len({mutant.mistake for mutant in found}) == len(found)
    assert set(ALSO_RIGHT.get(name, {})) <= {mutant.mistake for mutant in found}


def test_the_mistakes_that_people_make_are_among_the_mutants():
    code = (
        "def masks(weights, sparsity):\n"
        "    order = np.argsort(np.abs(weights), axis=None, kind='stable')\n"
        "    mask = np.ones(weights.size, dtype=bool)\n"
        "    mask[order[: round(sparsity * weights.size)]] = False\n"
        "    return mask.reshape(weights.shape)\n"
    )

    found = {mutant.mistake for mutant in mutants(code, "masks", set())}

    assert found >= {
        "np.abs(weights) -> weights",
        "sparsity -> 0.5",
        "round(sparsity * weights.size) -> int(sparsity * weights.size)",
        "weights.size -> len(weights)",
        "False -> True",
        "return mask.reshape(weights.shape) -> return ~(mask.reshape(weights.shape))",
        "return mask.reshape(weights.shape) -> return 0.5",
        "return mask.reshape(weights.shape) -> return weights",
        "changes its input",
    }


def test_every_option_of_a_choice_but_the_right_one_fails():
    for source in build.sources():
        for exercise in exercises_of(source.name[:2]).values():
            right = exercise.reference
            if isinstance(right, str):
                others = set("abcdefgh") - {right} | {"", right * 2, None, 0}
                assert all(grade(exercise, other).status != PASS for other in others)
                assert grade(exercise, right.upper()).status == PASS
