"""The storeys: imports go down only, and a file holds one idea."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "nncompress_lab"
NAME = PACKAGE.name
MAX_LINES = 300

# Storey of each module or package; a module may import from its own storey or below.
STOREYS = {
    # 1: arrays -> arrays, NumPy only
    "errors": 1,
    "atomic": 1,
    "quiet": 1,
    "progress": 1,
    "kernels": 1,
    "lowrank.eigenvectors": 1,
    "lowrank.rank": 1,
    "distillation.features": 1,
    "distillation.soft_targets": 1,
    "factorization.chain": 1,
    "factorization.cp": 1,
    "factorization.methods": 1,
    "factorization.separable": 1,
    "factorization.spatial": 1,
    "factorization.tucker": 1,
    "factorization.vbmf": 1,
    "lowrank.svd": 1,
    "model_paths": 1,
    "packing": 1,
    "patches": 1,
    "data": 1,
    "pruning.channels.criteria": 1,
    "pruning.channels.ranking": 1,
    "pruning.channels.units": 1,
    "pruning.cut": 1,
    "pruning.masks": 1,
    "pruning.optimal_brain": 1,
    "pruning.schedules": 1,
    "pruning.scores": 1,
    "quantization.activation_ranges": 1,
    "quantization.affine": 1,
    "quantization.bitpacking": 1,
    "quantization.clipping": 1,
    "quantization.codebook": 1,
    "quantization.gptq": 1,
    "quantization.histogram": 1,
    "quantization.kernel_format": 1,
    "quantization.matrix_view": 1,
    "quantization.codebook_format": 1,
    "quantization.optimal_cuts": 1,
    "quantization.tables": 1,
    "quantization.formats": 1,
    # 2: model -> model
    "activations": 2,
    "attention": 2,
    "batches": 2,
    "distillation": 2,
    "factorization": 2,
    "fine_tune": 2,
    "gradients": 2,
    "lowrank": 2,
    "passes": 2,
    "pruning.channels": 2,
    "pruning.gradual": 2,
    "pruning.gradual_callback": 2,
    "pruning.layer_masks": 2,
    "pruning.magnitude": 2,
    "pruning.n_m": 2,
    "pruning.optimal_brain_pruning": 2,
    "pruning.running_scores": 2,
    "pruning.score_pruning": 2,
    "quantization.activation_quantization": 2,
    "quantization.bias_correction": 2,
    "quantization.equalization": 2,
    "quantization.error_compensated": 2,
    "quantization.fake_quantize": 2,
    "quantization.batch_norm_folding": 2,
    "quantization.aware_layers": 2,
    "quantization.aware_training": 2,
    "quantization.codebook_aware": 2,
    "quantization.codebook_quantization": 2,
    "quantization.layers": 2,
    "quantization.post_training": 2,
    "quantization.quantization_aware": 2,
    "quantization.rounding": 2,
    "quantization.short_floats": 2,
    "quantization.storing": 2,
    "recipe": 2,
    "rewrite": 2,
    "selection": 2,
    "training": 2,
    "training_state": 2,
    "zoo.architectures": 2,
    "zoo.trained": 2,
    # 3: models -> facts
    "compression": 3,
    "measure": 3,
    "measure.macs": 2,
    "model_files": 3,
    "packing.declared": 3,
    "packing.model_file": 3,
    "report": 3,
    "runtimes": 3,
    "trials": 3,
    "trials.ranking": 1,
    "zoo": 3,
    "zoo.training": 3,
    # 4: what people call
    "cli": 4,
    "cli_options": 4,
    "course": 4,
    "server": 4,
    "__main__": 4,
    "zoo.__main__": 4,
}
SOURCES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE.parent
)


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def storey_of(module: str) -> int:
    while module:
        if module in STOREYS:
            return STOREYS[module]
        module = module.rpartition(".")[0]
    return 4


def imports_of(path: Path, *, everywhere: bool) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else tree.body
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_down_only(path):
    module = module_of(path)
    if not module:
        pytest.skip("the package itself offers every storey")

    for imported in imports_of(path, everywhere=True):
        if imported.startswith(f"{NAME}."):
            below = imported.removeprefix(f"{NAME}.")
            assert storey_of(below) <= storey_of(module), f"{module} imports {below}"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if storey_of(module_of(path)) == 1], ids=module_of
)
def test_the_lowest_storey_starts_without_keras(path):
    assert not {
        name for name in imports_of(path, everywhere=False) if name.startswith("keras")
    }


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_file_has_at_most_300_lines(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_function_has_at_most_40_lines_of_code(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
            assert node.end_lineno - first.lineno < 40, node.name


def test_every_module_is_assigned_to_a_storey():
    unassigned = {
        module_of(path)
        for path in SOURCES
        if path.name != "__init__.py" and storey_of(module_of(path)) == 4
    }

    assert all(
        module in STOREYS or module.partition(".")[0] in {"course", "server"}
        for module in unassigned
    ), unassigned
