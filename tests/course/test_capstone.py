"""The capstone: files measured in a process of their own, budgets, the certificate."""

import dataclasses

import onnx
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import capstone, catalogue, progress
from nncompress_lab.course.capstone import hand_in
from nncompress_lab.course.capstone.certificate import half_width
from nncompress_lab.course.capstone.onnx_macs import onnx_macs
from nncompress_lab.course.exercises.lesson_14_capstone import fits
from nncompress_lab.course.exercises.lesson_14_files import phone_file
from nncompress_lab.course.figures import style
from nncompress_lab.course.grade import grade
from nncompress_lab.errors import ModelFileError

FILE = capstone.HandIn("small.onnx", 100_000, 0.9, 0.9, 8_000_000, 1.0)


@pytest.mark.parametrize("name", ["depthwise", "transformer"])
def test_the_macs_of_a_file_are_those_of_its_model(name, tmp_path):
    model = getattr(tiny_models, name)()
    ncl.export(ncl.UniformQuantization(bits=4)(model), tmp_path / "model.onnx")

    assert onnx_macs(tmp_path / "model.onnx") == measure.macs(model)


def one_node(path, kind, inputs, *, domain="", **attributes):
    """A file of one node, from the shapes of its inputs, whose batch is open."""
    node = onnx.helper.make_node(kind, list(inputs), ["y"], domain=domain, **attributes)
    sizes = [
        onnx.helper.make_tensor_value_info(name, 1, shape)
        for name, shape in inputs.items()
    ]
    made = onnx.helper.make_tensor_value_info("y", 1, ["batch", 6, 4])
    graph = onnx.helper.make_graph([node], "graph", sizes, [made])
    known = [onnx.helper.make_opsetid(one, 1 if one else 20) for one in {"", domain}]
    onnx.save(onnx.helper.make_model(graph, opset_imports=known), path)
    return path


def test_products_in_integers_and_by_equations_are_counted_too(tmp_path):
    path = tmp_path / "model.onnx"
    a, b = ["batch", 6, 5], [5, 4]
    scales = {name: [] for name in ("as", "az", "bs", "bz", "ys", "yz")}
    integers = {"a": a, "as": [], "az": [], "b": b, **scales}

    assert onnx_macs(one_node(path, "QLinearMatMul", integers)) == 6 * 5 * 4
    equation = "bij, jk -> bik"
    one_node(path, "Einsum", {"a": a, "b": b}, equation=equation)
    assert onnx_macs(path) == 6 * 5 * 4


@pytest.mark.parametrize(
    ("kind", "domain"), [("MatMulNBits", "com.microsoft"), ("GRU", "")]
)
def test_operations_that_multiply_in_another_way_are_not_counted_as_free(
    kind, domain, tmp_path
):
    path = one_node(tmp_path / "model.onnx", kind, {"a": ["n", 6, 5]}, domain=domain)

    with pytest.raises(
        ModelFileError, match=f"{kind}.*only those of Conv, .*ncl.export"
    ):
        onnx_macs(path)


def test_macs_of_what_is_no_file_of_onnx_are_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x80not a graph")

    with pytest.raises(ModelFileError, match="no ONNX model"):
        onnx_macs(path)


@pytest.mark.parametrize("customer", capstone.CUSTOMERS, ids=lambda one: one.name)
def test_no_known_file_meets_a_budget_and_some_lack_one_thing_only(customer):
    rows = capstone.known_rows(customer)
    lacking = {
        row["name"]: [
            name
            for name in customer.limits
            if not fits.reference(row, {name: customer.limits[name]})
        ]
        for row in rows
    }

    assert all(lacking.values())
    assert any(len(names) == 1 for names in lacking.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 200_001}, ["it has 200,001 bytes, and 200,000 are allowed"]),
        ({"macs": 9_000_001}, ["9,000,001 MACs"]),
        ({"macs": None}, ["MACs cannot be counted: write it with ncl.export"]),
        ({"accuracy": 0.9149}, ["91.49 % of the test images, and 91.50 %"]),
        ({"size": 200_000, "macs": 9_000_000}, []),
    ],
)
def test_a_customer_says_what_a_file_misses(change, said):
    file = dataclasses.replace(FILE, **({"accuracy": 0.915} | change))
    missed = capstone.SERVER.misses(file)

    assert len(missed) == len(said)
    assert all(part in one for part, one in zip(said, missed, strict=True))


@pytest.mark.parametrize(
    ("speedup", "band", "slower"),
    [(1.0, 0.02, False), (0.95, 0.02, False), (0.8, 0.02, True), (0.8, 0.3, False)],
)
def test_slower_is_what_noise_does_not_explain(speedup, band, slower):
    file = dataclasses.replace(FILE, speedup=speedup, band=band)

    assert file.is_slower == slower
    assert bool(capstone.PHONE.misses(file)) == slower


@pytest.mark.parametrize(
    ("program", "seconds", "reason"),
    [("raise SystemExit(3)", 60, "load"), ("import time; time.sleep(60)", 1, "time")],
)
def test_a_process_that_crashes_or_hangs_is_told_of_the_file(
    program, seconds, reason, tmp_path, monkeypatch
):
    (tmp_path / "bare.py").write_text(program)
    (tmp_path / "file.onnx").write_bytes(program.encode())
    monkeypatch.setattr(hand_in.bare, "__file__", str(tmp_path / "bare.py"))
    monkeypatch.setattr(hand_in, "MOST_SECONDS", seconds)

    with pytest.raises(capstone.RefusedFileError) as raised:
        capstone.measured(tmp_path / "file.onnx")
    assert raised.value.reason == reason


class Served:
    """A file for the phone, and what is measured of it."""

    def __init__(self, folder):
        self.path = folder / "phone.onnx"
        self.path.write_bytes(b"any")
        self.file = dataclasses.replace(FILE, name="phone.onnx", speedup=1.7)

    def update(self, change):
        self.file = dataclasses.replace(self.file, **change)


@pytest.fixture
def phone_is_served(tmp_path, monkeypatch):
    served = Served(tmp_path)
    monkeypatch.setattr(
        "nncompress_lab.course.capstone.customers.measured",
        lambda *_, **__: served.file,
    )
    return served


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({}, ""),
        ({"accuracy": 0.889}, "is_accurate_enough"),
        ({"accuracy": 0.96, "validation": 0.925}, "knows_no_test_image"),
        ({"accuracy": 0.925, "validation": 0.9}, ""),  # by luck
        ({"speedup": 0.4}, "is_not_slower"),
        ({"speedup": 0.95}, ""),
    ],
)
def test_what_was_measured_decides_about_a_file(change, mistake, phone_is_served):
    phone_is_served.update(change)
    outcome = grade(phone_file, phone_is_served.path)

    assert (outcome.mistake, outcome.status == progress.PASS) == (mistake, not mistake)


def test_a_certificate_says_what_was_earned_and_measured(phone_is_served, tmp_path):
    passed = catalogue.find("00").exercises[0]
    progress.save("00", passed.name, progress.Record(progress.PASS))
    page = capstone.certificate(
        {"phone": phone_is_served.path, "station": ...}, name="<Ada>"
    )
    text = page.save(tmp_path / "certificate.html").read_text(encoding="utf-8")

    assert page.earned == passed.points
    assert repr(page).startswith("Certificate of <Ada>, 2")
    assert repr(page).endswith(
        f"{passed.points} of {page.possible} points, 1 of 3 budgets met."
    )
    assert "&lt;Ada&gt;" in text
    assert "90.00 % ± 1.3" in text
    assert "1.70 times as fast" in text
    assert text.count("not handed in") == 2
    assert "http" not in text
    assert text.count("<tr>") == 2 + 3 + len(page.lessons)


def test_a_file_that_a_customer_does_not_take_is_told_of_and_not_measured(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"any")
    delivery = capstone.PHONE.delivered(tmp_path / "model.keras")

    assert delivery.remarks == ("model.keras is no .tflite or .onnx file",)


def test_a_graph_that_runs_and_does_not_tell_its_sizes_is_measured(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(
        hand_in,
        "_facts",
        lambda *_: {"test": 0.9, "validation": 0.9, "knows_keras": False},
    )
    path = tmp_path / "sizes.onnx"
    one_node(path, "MatMul", {"a": ["batch", 6, "any"], "b": ["any", 4]})

    assert capstone.measured(path).macs is None


def test_a_certificate_is_for_customers_that_there_are():
    with pytest.raises(
        LookupError, match=r"no customer 'bank'.*station, phone, server"
    ):
        capstone.certificate({"bank": "a.ncz"})


def test_the_interval_of_an_accuracy_is_that_of_the_normal_distribution():
    assert half_width(0.9, 2000) == pytest.approx(1.96 * (0.09 / 2000) ** 0.5)


def test_a_leader_line_shows_the_file_in_or_beside_the_corner(
    phone_is_served, monkeypatch
):
    shown = []
    monkeypatch.setattr(style, "show", lambda picture: shown.append(picture.alt))
    capstone.leader_line(capstone.PHONE, phone_is_served.path)
    capstone.leader_line(capstone.SERVER, ...)

    assert "phone.onnx 0.900 at 100" in shown[0]
    assert "below 150 and above 0.89" in shown[0]
    assert "above 0.915, original ResNet-20, 1.09 MB 0.933 at 31" in shown[1]
