"""The storeys: imports go down only, and a file holds one idea."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "nncompress_lab"
NAME = PACKAGE.name
MAX_LINES = 300
PRIVATE_NODES = (
    "_nodes_by_depth",
    "_keras_history",
    "_inbound_nodes",
    "_outbound_nodes",
)

# Storey of each module or package; a module may import from its own storey or below.
# A package named `arrays` is NumPy only, storey 1, wherever it stands.
STOREYS = {
    # 1: arrays -> arrays
    "errors": 1,
    "limits": 1,
    "printable": 1,
    "atomic": 1,
    "quiet": 1,
    "progress": 1,
    "settings": 1,
    "data": 1,
    "models.einsum": 1,
    "models.inner_layers": 1,
    "models.kernels": 1,
    "models.magnitudes": 1,
    "models.patches": 1,
    "models.paths": 1,
    "models.reasons": 1,
    "models.unchanged": 1,
    "models.variables_in_place": 1,
    "packing": 1,
    # 2: model -> model
    "decisions": 2,
    "finite": 2,
    "layer_pass": 2,
    "passes": 2,
    "pipelines": 2,
    "ready": 2,
    "recipe": 2,
    "models": 2,
    "training": 2,
    "pruning": 2,
    "quantization": 2,
    "distillation": 2,
    "lowrank": 2,
    "factorization": 2,
    "measure.macs": 2,
    "packing.model_file": 2,
    "zoo.architectures": 2,
    "zoo.trained": 2,
    # 3: models -> facts
    "compression": 3,
    "measure": 3,
    "planning": 3,
    "report": 3,
    "runtimes": 3,
    "testing": 3,
    "trials": 3,
    "zoo": 3,
    # 4: what people call
    "cli": 4,
    "course": 4,
    "server": 4,
    "__main__": 4,
    "zoo.__main__": 4,
}
TECHNIQUES = {"pruning", "quantization", "distillation", "lowrank", "factorization"}
# But for the package itself, which offers every storey.
SOURCES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"})


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def storey_of(module: str) -> int:
    """Of a module, or of a name in one. What has none yet stands below everything."""
    if "arrays" in module.split("."):
        return 1
    while module:
        if module in STOREYS:
            return STOREYS[module]
        module = module.rpartition(".")[0]
    return 0


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
def test_only_the_graph_reads_the_private_nodes_of_keras(path):
    source = path.read_text()
    read = [name for name in PRIVATE_NODES if name in source]
    assert not read or module_of(path) == "models.graph", read


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


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_module_is_assigned_to_a_storey(path):
    module = module_of(path)

    assert storey_of(module), f"Add {module} to STOREYS in {__file__}."


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_no_technique_imports_another(path):
    """Arithmetic on arrays is for all; what else two techniques need is below both."""
    technique = module_of(path).partition(".")[0]
    others = TECHNIQUES - {technique} if technique in TECHNIQUES else set()
    if technique in {"models", "training"}:
        others = TECHNIQUES

    for imported in imports_of(path, everywhere=True):
        below = imported.removeprefix(f"{NAME}.")
        if below.partition(".")[0] in others:
            assert storey_of(below) == 1, f"{module_of(path)} imports {below}"
