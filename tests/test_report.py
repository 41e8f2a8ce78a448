"""The report: its figures are the measured ones, and no format loses or breaks one."""

import dataclasses
import html
import io
import json
import re
from html.parser import HTMLParser

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers
from rich.console import Console

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.passes import Pass
from nncompress_lab.report import LayerRow, Report, Setup, Stage, measure_stages
from nncompress_lab.report.formats import count, milliseconds, size

QUIET = ncl.Context(progress=False)

# Six stages in which no two figures of one kind look the same.
NAMES = (
    "original",
    "MagnitudePruning(sparsity=0.9, scope='global')",
    "FineTune(epochs=6, learning_rate=0.0005)",
    "UniformQuantization(bits=4, granularity='per_group', group_size=32)",
    "FoldBatchNorm()",
    "MagnitudePruning(sparsity=0.9, scope='global') #2",
)
FIGURES = (
    ("accuracy", ("91.01 %", "82.02 %", "73.03 %", "64.04 %", "55.05 %", "46.06 %")),
    ("parameters", ("601 k", "512 k", "423 k", "334 k", "245 k", "156 k")),
    ("nonzeros", ("602 k", "513 k", "424 k", "335 k", "246 k", "157 k")),
    ("memory", ("6.31 MB", "5.32 MB", "4.33 MB", "3.34 MB", "2.35 MB", "1.36 MB")),
    ("keras", ("6.41 MB", "5.42 MB", "4.43 MB", "3.44 MB", "2.45 MB", "1.46 MB")),
    ("packed", ("651 kB", "552 kB", "453 kB", "354 kB", "255 kB", "156 kB")),
    ("macs", ("6.61 M", "5.62 M", "4.63 M", "3.64 M", "2.65 M", "1.66 M")),
    ("latency", ("6.71 ms", "5.72 ms", "4.73 ms", "3.74 ms", "2.75 ms", "1.76 ms")),
)


def stage(name: str = "original", **figures: object) -> Stage:
    plain = Stage(
        name=name,
        accuracy=0.9,
        parameters=600,
        nonzeros=600,
        memory_bytes=2400,
        keras_bytes=9000,
        packed_bytes=2000,
        macs=5000,
    )
    return dataclasses.replace(plain, **figures)


def report_of(*stages: Stage, rows: tuple[LayerRow, ...] = ()) -> Report:
    setup = Setup(
        data="shirts & shoes, 16 examples",
        runtime="LiteRT",
        batch_size=1,
        threads=1,
        noise_band=0.031,
        machine="x86_64 Linux",
        versions="keras 3.15 on tensorflow",
    )
    return Report(stages, rows, setup)


def long_report(stages: int = 6) -> Report:
    return report_of(
        *(
            Stage(
                name=name,
                accuracy=0.9101 - 0.0899 * number,
                parameters=601_000 - 89_000 * number,
                nonzeros=602_000 - 89_000 * number,
                memory_bytes=6_310_000 - 990_000 * number,
                keras_bytes=6_410_000 - 990_000 * number,
                packed_bytes=651_000 - 99_000 * number,
                macs=6_610_000 - 990_000 * number,
                latency_ms=6.71 - 0.99 * number,
                speedup=1.0,
                latency_verdict="no measurable change" if number else "",
            )
            for number, name in enumerate(NAMES[:stages])
        )
    )


def printed(shown: object, *, width: int) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None).print(shown)
    return buffer.getvalue()


def missing_figures(text: str, *, stages: int) -> list[str]:
    return [
        figure
        for _, figures in FIGURES
        for figure in figures[:stages]
        if figure not in text
    ]


def test_the_figures_of_a_stage_are_those_of_the_measure_functions(context):
    before = tiny_models.sequential()
    after = ncl.MagnitudePruning(sparsity=0.5)(before)

    report = ncl.compare(before, after, data=context.test, latency=False)

    sizes = measure.file_sizes(after)
    assert report.stages[1] == Stage(
        name="compressed",
        accuracy=measure.accuracy(after, context.test),
        parameters=measure.parameters(after),
        nonzeros=measure.nonzeros(after),
        memory_bytes=measure.bytes_in_memory(after),
        keras_bytes=sizes.keras,
        packed_bytes=sizes.packed,
        macs=measure.macs(after),
    )


def test_without_data_there_is_no_accuracy():
    model = tiny_models.sequential()

    report = ncl.compare(model, model, latency=False)

    assert [one.accuracy for one in report.stages] == [None, None]


def test_of_a_data_set_the_test_part_is_measured(context):
    model = tiny_models.sequential()
    dataset = ncl.Dataset(
        "tiny", context.train, context.validation, context.test, ("a", "b", "c", "d")
    )

    report = ncl.compare(model, model, data=dataset, latency=False)

    assert report.stages[0].accuracy == measure.accuracy(model, context.test)


def test_macs_that_cannot_be_counted_are_none():
    @keras.saving.register_keras_serializable(package="tests_of_reports")
    class Own(layers.Layer):
        def build(self, input_shape):
            self.matrix = self.add_weight((input_shape[-1], 4))

        def call(self, x):
            return x @ self.matrix

    model = keras.Sequential([keras.Input((5, 3)), Own(), layers.Dense(2)])

    report = measure_stages({"original": model}, latency=False)

    assert report.stages[0].macs is None
    assert [row.macs for row in report.layers] == [None] * len(report.layers)


def test_the_latency_of_each_stage_is_measured():
    model = tiny_models.sequential()

    report = ncl.compare(model, ncl.UniformQuantization(bits=8)(model))

    assert all(one.latency_ms > 0 for one in report.stages)
    assert report.stages[0].speedup == 1.0
    assert report.setup.noise_band is not None


def test_the_latency_is_that_of_onnx_runtime():
    model = tiny_models.sequential()

    setup = ncl.compare(model, model, names=("a", "b")).setup

    assert (setup.runtime, setup.threads) == ("ONNX Runtime", 1)


def test_models_that_onnx_runtime_cannot_take_are_timed_in_keras():
    bins = layers.Discretization([0.0], output_mode="one_hot")
    model = keras.Sequential([keras.Input((5,)), bins, layers.Dense(2)])

    report = ncl.compare(model, model, names=("a", "b"))

    assert all(one.latency_ms > 0 for one in report.stages)
    assert report.setup.runtime.startswith(f"Keras on {keras.backend.backend()} (")
    assert "(Discretization) cannot be written as ONNX" in report.setup.runtime
    assert report.setup.threads is None


def test_without_latency_the_setup_says_so():
    model = tiny_models.sequential()

    report = ncl.compare(model, model, latency=False)

    assert report.setup.runtime == "not measured"
    assert report.stages[1].latency_ms is None


def test_the_latency_of_a_model_without_a_fixed_size_is_left_out():
    model = keras.Sequential(
        [keras.Input((None, 3)), layers.Dense(4), layers.GlobalAveragePooling1D()]
    )

    report = ncl.compare(model, model, names=("a", "b"))

    assert [one.latency_ms for one in report.stages] == [None, None]


def test_the_layer_rows_add_up_to_the_stages():
    before = tiny_models.every_layer()
    after = ncl.UniformQuantization(bits=8)(ncl.MagnitudePruning(sparsity=0.5)(before))

    report = ncl.compare(before, after, latency=False)

    first, last = report.stages
    assert sum(row.parameters for row in report.layers) == last.parameters
    assert sum(row.nonzeros for row in report.layers) == last.nonzeros
    assert sum(row.bytes_before for row in report.layers) == first.memory_bytes
    assert sum(row.bytes_after for row in report.layers) == last.memory_bytes
    assert sum(row.macs for row in report.layers) == last.macs


def test_the_rows_of_an_attention_layer_add_up_too():
    before = tiny_models.transformer()
    after = ncl.UniformQuantization(bits=4)(before)

    report = ncl.compare(before, after, latency=False)

    assert sum(row.parameters for row in report.layers) == report.stages[1].parameters
    assert sum(row.macs for row in report.layers) == report.stages[1].macs


def test_folded_normalizations_are_rows_that_were_removed():
    before = tiny_models.residual()

    report = ncl.compare(before, ncl.FoldBatchNorm()(before), latency=False)

    removed = [row for row in report.layers if row.note == "removed"]
    assert removed == [
        LayerRow(
            path=path,
            type="BatchNormalization",
            parameters=4 * 6,
            nonzeros=0,
            bytes_before=4 * (4 * 6),
            bytes_after=0,
            macs=0,
            note="removed",
        )
        for path in ("stem_bn", "conv_bn")
    ]


def test_a_layer_that_was_not_there_is_a_row_that_was_added():
    def model(*hidden: keras.Layer) -> keras.Model:
        return keras.Sequential(
            [keras.Input((3,)), *hidden, layers.Dense(2, name="logits")]
        )

    report = ncl.compare(model(), model(layers.Dense(3, name="hidden")), latency=False)

    rows = {row.path: row for row in report.layers}
    assert rows["hidden"].note == "added"
    assert rows["hidden"].bytes_before == 0
    assert rows["hidden"].bytes_after == 4 * (3 * 3 + 3)
    assert rows["logits"].note == ""


def test_the_note_of_a_normalization_says_that_it_has_no_kernel():
    result = ncl.compress(
        tiny_models.residual(), ncl.MagnitudePruning(sparsity=0.5), context=QUIET
    )

    notes = {row.path: row.note for row in result.measured(latency=False).layers}

    assert notes["stem_bn"] == ncl.Skip.NO_KERNEL.value


def test_the_note_of_a_layer_that_was_left_out_names_the_pass():
    result = ncl.compress(
        tiny_models.sequential(),
        ncl.MagnitudePruning(sparsity=0.5, select=ncl.Selection(names=("conv",))),
        context=QUIET,
    )

    notes = {row.path: row.note for row in result.measured(latency=False).layers}

    left_out = "MagnitudePruning: left out by the selection"
    assert notes == {"conv": "", "hidden": left_out, "logits": left_out}


def test_the_note_of_a_tiny_kernel_says_that_it_would_grow():
    # 4 float32 are 16 bytes; 4 integers and 4 scales are 4 + 16.
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(4, name="tiny"), layers.Dense(9, name="big")]
    )
    result = ncl.compress(model, ncl.UniformQuantization(bits=8), context=QUIET)

    notes = {row.path: row.note for row in result.measured(latency=False).layers}

    grow = f"UniformQuantization: {ncl.Skip.WOULD_GROW.value}"
    assert notes == {"tiny": grow, "big": ""}


def test_a_layer_that_two_passes_leave_out_has_both_notes():
    last = ncl.Selection(skip_last=1)
    result = ncl.compress(
        tiny_models.sequential(),
        ncl.MagnitudePruning(sparsity=0.5, select=last),
        ncl.UniformQuantization(bits=8, select=last),
        context=QUIET,
    )

    assert result.notes == {
        "logits": "MagnitudePruning: left out by the selection; "
        "UniformQuantization: left out by the selection"
    }


def test_a_repeated_pass_gets_a_stage_of_its_own():
    prune = ncl.MagnitudePruning(sparsity=0.5)

    result = ncl.compress(tiny_models.sequential(), prune, prune, prune, context=QUIET)

    assert list(result.stages) == [
        "original",
        "MagnitudePruning(sparsity=0.5)",
        "MagnitudePruning(sparsity=0.5) #2",
        "MagnitudePruning(sparsity=0.5) #3",
    ]


def test_the_last_stage_is_the_compressed_model():
    result = ncl.compress(
        tiny_models.sequential(), ncl.MagnitudePruning(sparsity=0.5), context=QUIET
    )

    assert list(result.stages.values())[-1] is result.model


def test_the_report_of_a_compression_is_measured_once():
    result = ncl.compress(
        tiny_models.sequential(), ncl.MagnitudePruning(sparsity=0.5), context=QUIET
    )

    first = result.report

    assert result.report is first


def test_missing_data_is_found_before_any_pass_begins(monkeypatch):
    _ = ncl.FineTune  # loaded now, it is not lost with the copy of the registry
    monkeypatch.setattr(Pass, "registry", dict(Pass.registry))
    began = []

    class Began(Pass):
        def transform(self, model, context):
            began.append(model.name)
            return ncl.copy_model(model)

    with pytest.raises(ncl.MissingContextError, match="train and validation"):
        ncl.compress(
            tiny_models.sequential(), Began(), ncl.FineTune(epochs=1), context=QUIET
        )

    assert began == []


def test_two_models_of_one_name_are_refused():
    model = tiny_models.sequential()

    with pytest.raises(ValueError, match=r"two names.*\('a', 'a'\)"):
        ncl.compare(model, model, names=("a", "a"))


def test_what_is_no_built_model_is_refused():
    for model, wrong in (
        (keras.Sequential([layers.Dense(2)]), "never built"),
        (7, "int"),
    ):
        with pytest.raises(ncl.UnsupportedModelError, match=wrong):
            ncl.compare(model, model)


class Subclassed(keras.Model):
    def __init__(self, width=5):
        super().__init__()
        self.hidden, self.outer = layers.Dense(width), layers.Dense(2)

    def call(self, inputs):
        return self.outer(keras.ops.relu(self.hidden(inputs)))


def test_a_subclassed_model_is_measured_but_for_its_macs():
    model = Subclassed()
    data = ncl.Data(np.ones((8, 3), np.float32), np.zeros(8, int))
    model(data.x)

    result = ncl.compress(
        model,
        ncl.MagnitudePruning(sparsity=0.5),
        context=ncl.Context(test=data, progress=False),
    )

    first, last = result.measured(latency=False).stages
    assert type(result.model) is Subclassed
    assert (first.nonzeros, last.nonzeros) == (3 * 5 + 5 * 2, 7 + 5)
    assert first.keras_bytes
    assert last.accuracy in (0.0, 1.0)
    assert last.macs is None


class Table(layers.Layer):
    """Multiplies by an array that no configuration holds."""

    def __init__(self, table):
        super().__init__()
        self.table = table

    def call(self, inputs):
        return inputs * self.table


def test_a_model_whose_file_cannot_be_written_is_measured_but_for_that():
    image = keras.Input((3,))
    model = keras.Model(image, layers.Dense(2)(Table(np.ones(3))(image)))

    report = ncl.compare(model, model, latency=False)

    first, _ = report.stages
    assert (first.keras_bytes, first.packed_bytes, first.parameters) == (None, None, 8)
    (remark,) = report.remarks
    assert remark.startswith(
        "The file of original and of compressed cannot be written: "
    )
    assert "packed file" not in str(report)
    with pytest.raises(ValueError, match="lacks some"):
        dataclasses.replace(
            report,
            stages=[dataclasses.replace(one, accuracy=0.5) for one in report.stages],
        ).plot()


def test_json_holds_every_field():
    row = LayerRow("conv", "Conv2D", 10, 5, 40, 10, 90, "left out")
    report = report_of(stage(), stage("pruned", accuracy=None), rows=(row,))

    parsed = json.loads(report.to_json())

    assert parsed == {
        "verdict": report.verdict,
        "stages": [dataclasses.asdict(one) for one in report.stages],
        "layers": [dataclasses.asdict(row)],
        "setup": dataclasses.asdict(report.setup),
    }


def test_the_data_frame_has_a_row_for_each_stage():
    frame = long_report().to_dataframe()

    assert list(frame.index) == list(NAMES)
    # every field of a stage but the name, which is the index
    assert frame.shape == (6, len(dataclasses.fields(Stage)) - 1)
    assert frame.loc["FoldBatchNorm()", "packed_bytes"] == 651_000 - 4 * 99_000


def test_the_data_frame_of_the_layers_has_a_row_for_each_layer():
    rows = (
        LayerRow("a", "Dense", 10, 5, 40, 10, 90),
        LayerRow("b", "Dense", 20, 5, 80, 20, 70),
    )

    frame = report_of(stage(), rows=rows).layers_to_dataframe()

    assert list(frame.index) == ["a", "b"]
    assert list(frame["bytes_after"]) == [10, 20]


def test_markdown_has_one_row_a_stage_and_equally_many_columns():
    lines = long_report().to_markdown().splitlines()

    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 6
    assert {line.count("|") for line in table} == {1 + 9}


def test_markdown_holds_every_figure():
    text = long_report().to_markdown()

    assert missing_figures(text, stages=6) == []


def test_markdown_escapes_the_column_sign():
    report = report_of(stage("a|b"))

    assert r"| a\|b |" in report.to_markdown()


def test_latex_has_one_row_a_stage_and_equally_many_columns():
    lines = long_report().to_latex().splitlines()

    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == 1 + 6
    assert {line.count(" & ") for line in rows} == {8}


def test_latex_escapes_what_would_be_a_command():
    report = report_of(stage("50% of_block #2 & {rest} for $1", accuracy=0.5))

    text = report.to_latex()

    assert r"50\% of\_block \#2 \& \{rest\} for \$1 & 50.00 \%" in text


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        (r"C:\new", r"C:\textbackslash{}new"),
        ("~/new", r"\textasciitilde{}/new"),
        ("x^2", r"x\textasciicircum{}2"),
    ],
)
def test_latex_escapes_what_has_no_escape_of_one_character(name, escaped):
    report = report_of(stage(name))

    assert escaped in report.to_latex()


class _Tags(HTMLParser):
    """Collects text and complains about tags that are closed in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.count: dict[str, int] = {}
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in {"br", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text += data.replace("\N{NO-BREAK SPACE}", " ")


def parsed_html(report: Report) -> _Tags:
    parser = _Tags()
    parser.feed(report._repr_html_())
    parser.close()
    return parser


def test_html_closes_every_tag_in_order():
    parser = parsed_html(long_report())

    assert parser.open == []
    assert parser.wrong == []


def test_html_has_a_row_for_each_stage():
    parser = parsed_html(long_report())

    assert parser.count["tr"] == 1 + 6
    assert parser.count["td"] == 6 * 8


def test_html_holds_every_figure():
    parser = parsed_html(long_report())

    assert missing_figures(parser.text, stages=6) == []


def test_html_breaks_no_line_between_a_number_and_its_unit():
    name = "UniformQuantization(bits=4, group_size=8)"
    shown = report_of(stage(macs=2_290_000), stage(name, packed_bytes=999))

    html_text = shown._repr_html_()

    for figure in ("2.29 M", "999 B", "2.0x less"):
        assert figure.replace(" ", "\N{NO-BREAK SPACE}") in html_text
    assert "bits=4, group_size=8" in html_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.00 kB"),
        (1_100_000, "1.10 MB"),
        (31_000_000, "31.0 MB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (2_000_000_000_000, "2,000 GB"),
    ],
)
def test_figures_have_three_digits(number, text):
    assert size(number) == text
    assert count(number) == text.removesuffix("B").strip()


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.05, "0.0500 ms"), (2, "2.00 ms"), (123.4, "123 ms"), (4567, "4,567 ms")],
)
def test_times_have_three_digits(number, text):
    assert milliseconds(number) == text


def test_html_escapes_names():
    name = "<script>alert('&')</script>"

    parser = parsed_html(report_of(stage(name)))

    assert "script" not in parser.count
    assert name in parser.text


def test_the_plot_has_one_point_a_stage():
    pytest.importorskip("matplotlib").use("Agg")
    report = long_report()

    ax = report.plot()

    points = [tuple(one.get_offsets()[0]) for one in ax.collections]
    expected = [(s.packed_bytes / 1000, 100 * s.accuracy) for s in report.stages]
    # Both are the same division; the slack is for float32 inside matplotlib.
    np.testing.assert_allclose(points, expected, rtol=1e-6)
    ax.figure.clear()


def test_the_plot_draws_on_the_axes_that_it_is_given():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    given = Figure().subplots()

    assert long_report().plot(given) is given


def test_the_plot_of_a_report_without_accuracy_is_refused():
    report = report_of(stage(), stage("pruned", accuracy=None))

    with pytest.raises(ValueError, match=r"this report has none.*data="):
        report.plot()


@pytest.mark.parametrize("stages", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("width", [80, 100, 111, 112, 120, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(width, stages):
    text = printed(long_report(stages), width=width)

    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("stages", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("width", [60, 80, 100, 111, 112, 120, 200])
def test_a_terminal_shows_every_figure_of_every_stage(width, stages):
    text = printed(long_report(stages), width=width)

    assert missing_figures(text, stages=stages) == []


def test_the_text_of_a_report_shows_every_figure_and_no_colours():
    text = str(long_report())

    assert missing_figures(text, stages=6) == []
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_the_name_of_every_pass(width):
    text = printed(long_report(), width=width)

    names = [name.partition("(")[0] for name in NAMES]
    if width == 80:  # a long name is broken between its words, never inside one
        names = [word for name in names for word in re.findall("[A-Z][a-z]+", name)]
    assert [name for name in names if name not in text] == []


def test_the_noise_of_the_latency_is_told():
    assert "±3.1 %" in str(long_report())


def test_a_name_in_square_brackets_is_no_markup():
    report = report_of(stage("model[bold].keras"))

    assert "model[bold].keras" in str(report)


def test_a_layer_in_square_brackets_is_no_markup():
    row = LayerRow("block[a]", "Dense", 10, 5, 40, 10, 90)
    report = report_of(stage(), stage("pruned"), rows=(row,))

    text = printed(report.layers_table(), width=120)

    assert "block[a]" in text


def test_the_table_of_layers_shows_zeros_and_notes():
    row = LayerRow("conv", "Conv2D", 1000, 250, 4000, 1000, 90_000, "left out")
    report = report_of(stage(), stage("pruned"), rows=(row,))

    line = next(
        line
        for line in printed(report.layers_table(), width=120).splitlines()
        if "conv" in line
    )

    # 750 of 1000 are zero
    assert line.split() == [
        *("conv", "Conv2D", "1.00", "k", "75.0", "%", "90.0", "k"),
        *("4.00", "kB", "1.00", "kB"),
        *("left", "out"),
    ]


def test_half_the_bytes_are_two_times_less():
    report = report_of(stage(), stage("small", packed_bytes=1000))

    assert "1.00 kB (2.0x less)" in report.to_markdown()


def test_twice_the_bytes_are_not_called_less():
    report = report_of(stage(), stage("large", packed_bytes=4000))

    row = next(line for line in report.to_markdown().splitlines() if "large" in line)

    assert "less" not in row


def test_a_figure_that_stayed_is_the_same():
    report = report_of(stage(), stage("pruned"))

    assert "5.00 k (same)" in report.to_markdown()


def test_accuracy_changes_by_percentage_points():
    report = report_of(stage(accuracy=0.9), stage("pruned", accuracy=0.875))

    # from 90 % to 87.5 %
    assert "87.50 % (-2.50 points)" in report.to_markdown()


def test_a_regression_is_reported_without_accuracy():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    data = ncl.Data(np.zeros((4, 3), np.float32), np.zeros(4, np.float32))

    report = ncl.compare(model, model, data=data, latency=False)

    assert [one.accuracy for one in report.stages] == [None, None]


def test_why_the_latency_was_not_measured_is_said():
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2)])

    report = ncl.compare(model, model)

    assert report.stages[0].latency_ms is None
    assert report.setup.runtime.startswith("not measured: Only inputs of a fixed size")
    assert "not measured" in str(report)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (
            {"packed_bytes": 250, "latency_verdict": "no measurable change"},
            "the packed file is 8.0x smaller; no measurable change in latency",
        ),
        (
            {"packed_bytes": 4000, "latency_verdict": "1.30x slower"},
            "the packed file is 2.0x larger; 1.30x slower",
        ),
        (
            {"packed_bytes": 1900, "latency_verdict": "2.00x faster"},
            "the packed file is 5.0 % smaller; 2.00x faster",
        ),
        (
            {"packed_bytes": 1990},
            "the packed file is as large as before; latency not measured",
        ),
    ],
)
def test_the_verdict_says_what_became_of_bytes_and_latency(figures, said):
    first = stage(accuracy=None)  # 2000 bytes packed
    report = report_of(first, stage("90 % zeros", accuracy=None, **figures))

    assert report.verdict == f"90 % zeros: {said}"


def test_the_verdict_says_what_became_of_the_accuracy():
    report = report_of(stage(accuracy=0.9), stage("pruned", accuracy=0.875))

    assert report.verdict.startswith("pruned: accuracy -2.50 points; ")


def test_the_verdict_of_several_steps_names_the_first_and_the_last():
    report = report_of(stage(accuracy=0.9), stage("a"), stage("b", accuracy=0.875))

    assert report.verdict.startswith("From original to b: accuracy -2.50 points; ")


def test_a_single_stage_has_no_verdict():
    assert report_of(stage()).verdict == ""


@pytest.mark.parametrize("width", [80, 120])
def test_every_form_shows_the_verdict(width):
    report = long_report()
    said = report.verdict

    assert said in report.to_markdown()
    assert said in report.to_latex()
    assert html.escape(said) in report._repr_html_()
    assert said in " ".join(printed(report, width=width).split())


@pytest.mark.parametrize(
    "labels",
    [np.array([1, 2, 4]), np.zeros((3, 8, 8), int)],
    ids=["from 1", "pixels"],
)
def test_an_accuracy_that_cannot_be_measured_is_left_out_and_said(labels):
    model = tiny_models.sequential()
    data = ncl.Data(tiny_models.images(3), labels)

    report = ncl.compare(model, model, data=data, latency=False)

    assert [stage.accuracy for stage in report.stages] == [None, None]
    assert "accuracy was not measured" in str(report)


def test_one_hot_rows_are_measured_as_their_indices(context):
    model, test = tiny_models.sequential(), context.test
    rows = ncl.Data(test.x, np.eye(4, dtype=np.int64)[test.y])

    report = ncl.compare(model, model, data=rows, latency=False)

    assert report.stages[0].accuracy == measure.accuracy(model, test)


def test_a_race_that_fails_leaves_the_latency_out(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no such device\nand more")

    monkeypatch.setattr("nncompress_lab.report.measuring.race_models", fail)
    model = tiny_models.sequential()

    report = ncl.compare(model, model)

    assert report.setup.runtime == "not measured: no such device"


def test_names_from_a_file_are_no_orders_to_a_terminal():
    entry = keras.Input((3,))
    outputs = keras.layers.Dense(2, name="a\x1b[2Jb")(entry)
    report = ncl.compare(*[keras.Model(entry, outputs)] * 2, latency=False)
    console = Console(file=io.StringIO(), width=200)

    console.print(report.layers_table())

    assert "a\ufffd[2Jb" in console.file.getvalue()
    assert "\x1b" not in console.file.getvalue()
