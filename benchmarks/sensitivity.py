"""How long scans take, what they order alike, and what single layers tell of the whole.

    python benchmarks/sensitivity.py [--only NAME]

Each scan runs in a process of its own, as it comes: the model is compiled, all passes run
and all files are weighed. Beside wall and CPU seconds stand the rank correlation of the
Fisher proxy with the measured divergence, how long it takes, and how the sum of the
divergences compares with that of the whole model under one option.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
import subprocess
import sys
import time
from typing import Any

BITS = (2, 3, 4, 5, 6, 8)
SPARSITIES = (0.5, 0.7, 0.8, 0.9)
# The model, the bits and sparsities of its options, and how many validation images.
SCANS: dict[str, tuple[str, tuple[int, ...], tuple[float, ...], int]] = {
    "LeNet-5, 10 options, 2,000 images": ("lenet5", BITS, SPARSITIES, 2000),
    "ResNet-20, 8 options, 512 images": ("resnet20", BITS[:4], SPARSITIES, 512),
    "ViT-tiny, 8 options, 512 images": ("vit_tiny", BITS[:4], SPARSITIES, 512),
}


def measured(name: str) -> dict[str, Any]:
    """The figures of one scan, in this process."""
    import nncompress_lab as ncl
    from nncompress_lab import measure

    zoo_name, bits, sparsities, examples = SCANS[name]
    model, data = getattr(ncl.zoo, zoo_name)(), ncl.data.fashion_mnist()
    options = [
        *(ncl.UniformQuantization(bits=one, clipping="mse") for one in bits),
        *(ncl.MagnitudePruning(sparsity=one) for one in sparsities),
    ]
    seconds, scan = timed(
        lambda: ncl.sensitivity(model, options, data, examples=examples, progress=False)
    )
    more, with_proxy = timed(
        lambda: ncl.sensitivity(
            model,
            options[1],
            data,
            examples=examples,
            proxy="fisher",
            progress=False,
        )
    )
    three_bits = options[bits.index(3)]
    whole = measure.divergence(model, three_bits(model), data.validation.take(examples))
    parts = [one.divergence for one in scan.rows if one.option == bits.index(3)]
    return {
        "rows": len(scan.rows),
        "wall_seconds": seconds[0],
        "cpu_seconds": seconds[1],
        "proxy_scan_wall_seconds": more[0],
        "proxy_rank_correlation": with_proxy.rank_correlation,
        "whole_over_sum_at_3_bits": whole / sum(parts),
    }


def timed(run: Any) -> tuple[tuple[float, float], Any]:
    """Wall and CPU seconds of a call, and what it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def in_process(name: str) -> dict[str, Any]:
    """What `measured` finds in another process."""
    command = [sys.executable, __file__, "--measure", name]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print and save; rows of other scans are kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(SCANS))
    parser.add_argument("--measure", choices=list(SCANS))
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measured(arguments.measure)))
        return
    from results_file import kept_figures, save_results

    figures = kept_figures("sensitivity") or {}
    for name in [arguments.only] if arguments.only else SCANS:
        figures[name] = in_process(name)
        print(name, json.dumps(figures[name], indent=1))
    save_results("sensitivity", figures, cores=os.cpu_count())


if __name__ == "__main__":
    main()
