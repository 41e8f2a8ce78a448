"""What the factorizations of one wide network save: parameters, MACs and milliseconds.

    python benchmarks/factorization.py

The network is ResNet-20 four times as wide as the paper's, with random weights: the time
of a convolution does not depend on them. All models run in LiteRT on one thread with one
image, take turns, and are compared by their minima; the noise is measured in the same run.
The other methods get the MACs that Tucker-2 has at a quarter of the full ranks.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from results_file import save_results
from rich.console import Console
from rich.table import Table

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.runtimes.litert import race_models
from nncompress_lab.zoo.architectures import resnet20

WIDTH = 64
ROUNDS = 400  # a minute: on a busy machine few blocks are undisturbed
GOAL = 5.0  # how much faster Tucker-2 at a quarter of the ranks is to be, at least


def factorized(model: keras.Model) -> dict[str, keras.Model]:
    """The model in every form, by what was done to it; the first is the original."""
    tucker = ncl.Factorization("tucker2", rank=0.25)(model)
    budget = round(measure.macs(tucker) / measure.macs(model), 3)
    steps = {
        f"spatial, {budget:.1%} of MACs": ncl.Factorization("spatial", macs=budget),
        f"channel SVD, {budget:.1%} of MACs": ncl.Factorization(
            "channel_svd", macs=budget
        ),
        f"CP, {budget:.1%} of MACs": ncl.Factorization("cp", macs=budget),
        "separable, depth multiplier 1": ncl.Factorization("separable", rank=1),
    }
    return {
        "original": model,
        "Tucker-2, a quarter of the ranks": tucker,
        **{name: step(model) for name, step in steps.items()},
    }


def main() -> None:
    """Measure all forms, print a table and keep it as JSON."""
    keras.utils.set_random_seed(0)
    model = resnet20(width=WIDTH)
    models = factorized(model)
    result = race_models(models, rounds=ROUNDS)
    table = Table("model", "parameters", "MACs", "ms", "against the original")
    figures = []
    for name, one in models.items():
        figures.append(
            {
                "name": name,
                "parameters": one.count_params(),
                "macs": measure.macs(one),
                "milliseconds": result.milliseconds[name],
                "times_faster": result.speedup(name),
            }
        )
        table.add_row(
            name,
            f"{one.count_params():,}",
            f"{measure.macs(one):,}",
            f"{result.milliseconds[name]:.2f}",
            "" if name == "original" else result.verdict(name),
        )
    Console(width=120).print(table)
    reached = figures[1]["times_faster"]
    print(
        f"Noise ±{result.band:.1%}. Goal: Tucker-2 {GOAL:.0f}x, reached {reached:.1f}x."
    )
    save_results(
        "factorization",
        figures,
        model=f"ResNet-20, width {WIDTH}",
        threads=1,
        batch_size=1,
        rounds=ROUNDS,
        noise_band=result.band,
        goal=GOAL,
    )


if __name__ == "__main__":
    main()
