"""The figures of a report as plain data: stages, layers and how they were measured."""

from dataclasses import dataclass, field

from nncompress_lab.report.metrics import ACCURACY, Metric


@dataclass(frozen=True)
class Stage:
    """The figures of one model.

    Args:
        name: What was done last, or `"original"`.
        accuracy: Fraction of the test data that is classified rightly; None without
            data, or for a task that has no one accuracy.
        parameters: Numbers the model computes with.
        nonzeros: Those that are not exactly zero.
        memory_bytes: Bytes of the weights as they are held.
        keras_bytes: Bytes of the `.keras` file; None if it cannot be written.
        packed_bytes: Bytes of the file that `ncl.pack` writes; None likewise.
        macs: Multiply-accumulates for one example; None where they cannot be counted.
        latency_ms: Milliseconds for one batch; None if latency was not measured.
        speedup: Latency of the first stage divided by this one's.
        latency_verdict: The same in words; `"no measurable change"` within the noise.
        metrics: The other figures of the task, by the names of its metrics.
    """

    name: str
    accuracy: float | None
    parameters: int
    nonzeros: int
    memory_bytes: int
    keras_bytes: int | None
    packed_bytes: int | None
    macs: int | None
    latency_ms: float | None = None
    speedup: float | None = None
    latency_verdict: str | None = None
    metrics: dict[str, float] = field(default_factory=dict, hash=False)

    def figure(self, name: str) -> float | None:
        """A figure of the task by the name of its metric; None where there is none."""
        return self.accuracy if name == "accuracy" else self.metrics.get(name)


@dataclass(frozen=True)
class LayerRow:
    """What became of one layer between the first stage and the last.

    Args:
        path: Where the layer is in the model.
        type: Its class in the last stage, or in the first if it is gone.
        parameters: Numbers of the layer.
        nonzeros: Those that are not zero in the last stage.
        bytes_before: Bytes in memory in the first stage; 0 if it was not there.
        bytes_after: Bytes in memory in the last stage; 0 if it is gone.
        macs: Multiply-accumulates for one example in the last stage; None where they
            cannot be counted.
        note: Why a pass left it alone, or that it was added or removed.
    """

    path: str
    type: str
    parameters: int
    nonzeros: int
    bytes_before: int
    bytes_after: int
    macs: int | None
    note: str = ""


@dataclass(frozen=True)
class Setup:
    """On what and with what the figures were measured.

    Args:
        data: Name and number of the examples behind the metrics; empty without any.
        runtime: What ran the model for the latency.
        batch_size: Examples in one run.
        threads: Threads the runtime was allowed; None where the backend decides.
        noise_band: Half the width of the noise of the latency, as a fraction.
        machine: Processor architecture and operating system.
        versions: Of this library, Keras and its backend.
        metrics: The metrics of the task, the one to speak of first.
    """

    data: str
    runtime: str
    batch_size: int
    threads: int | None
    noise_band: float | None
    machine: str
    versions: str
    metrics: list[Metric] = field(default_factory=lambda: [ACCURACY], hash=False)


@dataclass(frozen=True)
class Figures:
    """The figures of a model at every stage of its compression.

    Args:
        stages: The first is what the others are compared with.
        layers: What became of each layer between the first stage and the last.
        setup: How it was measured.
        remarks: What the passes left alone and why, and what they ask for, in sentences.
    """

    stages: tuple[Stage, ...]
    layers: tuple[LayerRow, ...]
    setup: Setup
    remarks: tuple[str, ...] = ()
