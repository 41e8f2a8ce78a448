"""Mechanical mistakes: every answer that differs from a right one in a single place.

A mutant has lost an `abs`, ignores an argument, counts along the wrong axis, compares the
other way round, takes `int` for `round`, returns a constant, changes its input, and so on.
Each is a program that a learner could have written, so each must fail the checks, unless
it is right too.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

OTHER_COMPARISONS = {
    ast.GtE: (ast.Gt, ast.Lt, ast.LtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.LtE: (ast.Lt, ast.Gt, ast.GtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.Eq: (ast.NotEq, ast.LtE, ast.GtE),
    ast.NotEq: (ast.Eq,),
}
OTHER_OPERATIONS = {
    ast.Mult: ("{0}", "{1}", "{0} + {1}", "2 * {0} * {1}"),
    ast.Div: ("{0}", "{1}", "{1} / {0}", "{0} // {1}"),
    ast.Add: ("{0}", "{1}", "{0} - {1}"),
    ast.Sub: ("{0}", "{1} - {0}", "{0} + {1}"),
}
# In a template {0} and {1} are arguments, {self} is what a method belongs to.
OTHER_CALLS = {
    "abs": ("{0}", "-abs({0})"),
    "np.abs": ("{0}", "-np.abs({0})", "{0} ** 2 - {0}"),
    "round": ("int({0})", "int(np.ceil({0}))", "round({0}) + 1", "round({0}) - 1"),
    "min": ("max({0}, {1})", "{0}", "{1}"),
    "max": ("min({0}, {1})", "{0}", "{1}"),
    "sum": ("max({0})", "len(list({0}))", "next(iter({0}))"),
    "np.sum": ("np.max({0})", "np.mean({0})", "len({0})"),
    "np.mean": (
        "np.sum({0})",
        "np.max({0})",
        "np.mean({0}, axis=0)",
        "1 - np.mean({0})",
    ),
    "np.prod": ("np.sum({0})", "{0}[0]", "np.max({0})", "np.prod({0}[:2])"),
    "np.where": ("np.where({0}, {2}, {1})", "{1}", "np.where({0}, 1.0, {2})"),
    "np.argsort": ("np.argsort(-({0}), axis=None, kind='stable')",),
    "np.sort": ("np.sort(-({0}))", "{0}"),
    "np.concatenate": ("np.concatenate({0}[:1])", "np.concatenate({0}[::-1])"),
    "np.split": ("np.split({0}, {1})[::-1]",),
    "np.cumsum": ("np.sort({0})",),
    "np.ones": ("np.zeros({0}, dtype=bool)",),
    "np.zeros": ("np.ones({0}, dtype=bool)",),
    "ncl.pipeline": ("{0}", "{1}", "ncl.pipeline()"),
    ".min": ("{self}.max()", "{self}.mean()", "np.median({self})", "{self}[0]"),
    ".max": ("{self}.min()", "{self}.mean()", "{self}[0]"),
    ".mean": ("{self}.sum()", "{self}.max()"),
    ".ravel": ("{self}.ravel(order='F')", "{self}[0].ravel()"),
    ".reshape": ("({self}).reshape({0}, order='F')", "{self}"),
    ".save": ("{self}.save_weights({0})",),
}
OTHER_ATTRIBUTES = {
    "size": ("len({self})", "{self}.shape[-1]", "{self}.nbytes", "{self}.ndim"),
    "st_size": ("{self}.st_blocks", "{self}.st_mode"),
    "layers": ("{self}.layers[1:]", "{self}.layers[:-1]", "{self}.layers[::-1]"),
}
OTHER_WORDS = {"dense1": ("conv1", "conv2"), "conv2": ("conv1", "dense1")}
RESULTS = (
    "None",
    "0",
    "1",
    "0.5",
    "-({0})",
    "2 * ({0})",
    "~({0})",
    "[~m for m in ({0})]",
)
SPOILING = """
def _spoils_its_input(answer):
    def spoils(first, *rest):
        result = answer(first, *rest)
        spoilt = first[0] if isinstance(first, list) else first
        if isinstance(spoilt, dict):
            spoilt.clear()
        elif hasattr(spoilt, "set_weights"):
            spoilt.set_weights([0 * array for array in spoilt.get_weights()])
        else:
            spoilt[...] = 7
        return result
    return spoils

{name} = _spoils_its_input({name})
"""


class Mutant(NamedTuple):
    """A program with one mistake, and the mistake in words."""

    mistake: str
    code: str


class Names(NamedTuple):
    """The parameters of the function, and the lesson's other exercises."""

    parameters: list[str]
    others: set[str]


def mutants(code: str, name: str, others: set[str]) -> list[Mutant]:
    """All mutants of a cell that defines the function or the value `name`.

    Args:
        code: The cell, with a right answer.
        name: Of the exercise and of its function.
        others: Names of the lesson's other exercises, which the answer may call.
    """
    found: dict[str, str] = {}
    tree = ast.parse(code)
    names = Names(_parameters(tree, name), others)
    for position, node in enumerate(ast.walk(tree)):
        for replacement in _replacements(node, names):
            changed = _replaced(code, position, replacement)
            mistake = " -> ".join(
                text.splitlines()[0] for text in (ast.unparse(node), replacement)
            )
            alike = sum(other.startswith(mistake) for other in found.values())
            found.setdefault(changed, f"{mistake} [{alike + 1}]" if alike else mistake)
    found.pop(ast.unparse(tree), None)
    if names.parameters:
        found[code + SPOILING.format(name=name)] = "changes its input"
    return [Mutant(mistake, changed) for changed, mistake in found.items()]


def _parameters(tree: ast.Module, name: str) -> list[str]:
    return [
        argument.arg
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == name
        for argument in node.args.args
    ]


def _replaced(code: str, position: int, replacement: str) -> str:
    tree = ast.parse(code)
    target = list(ast.walk(tree))[position]
    (put,) = ast.parse(replacement).body
    if isinstance(target, ast.expr) and isinstance(put, ast.Expr):
        put = put.value

    class Put(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return put if node is target else self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Put().visit(tree)))


def _replacements(node: ast.AST, names: Names) -> Iterator[str]:
    """What may stand in place of a node, as source code."""
    change = CHANGES.get(type(node))
    return change(node, names) if change else iter(())


def _other_names(node: ast.Name, names: Names) -> Iterator[str]:
    """An argument is ignored."""
    if node.id in names.parameters[1:] and isinstance(node.ctx, ast.Load):
        yield from ("0.5", "0.1")


def _other_attributes(node: ast.Attribute, names: Names) -> Iterator[str]:
    for template in OTHER_ATTRIBUTES.get(node.attr, ()):
        yield template.format(self=ast.unparse(node.value))


def _other_comparisons(node: ast.Compare, names: Names) -> Iterator[str]:
    for other in OTHER_COMPARISONS.get(type(node.ops[0]), ()):
        yield ast.unparse(ast.Compare(node.left, [other()], node.comparators))


def _other_operations(node: ast.BinOp, names: Names) -> Iterator[str]:
    sides = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
    for template in OTHER_OPERATIONS.get(type(node.op), ()):
        yield template.format(*sides)


def _without_operation(node: ast.UnaryOp, names: Names) -> Iterator[str]:
    yield ast.unparse(node.operand)


def _other_arms(node: ast.IfExp, names: Names) -> Iterator[str]:
    yield ast.unparse(ast.IfExp(node.test, node.orelse, node.body))
    yield from (ast.unparse(node.body), ast.unparse(node.orelse))


def _other_calls(node: ast.Call, names: Names) -> Iterator[str]:
    function = ast.unparse(node.func)
    arguments = [ast.unparse(argument) for argument in node.args]
    owner = ""
    if isinstance(node.func, ast.Attribute) and function not in OTHER_CALLS:
        owner, function = ast.unparse(node.func.value), f".{node.func.attr}"
    for template in OTHER_CALLS.get(function, ()):
        yield template.format(*arguments, *arguments, self=owner)
    for keyword in node.keywords:
        kept = [other for other in node.keywords if other is not keyword]
        yield ast.unparse(ast.Call(node.func, node.args, kept))
        if keyword.arg == "axis":
            here = ast.unparse(keyword.value)
            for axis in {"0", "1", "2"} - {here}:
                yield ast.unparse(node).replace(f"axis={here}", f"axis={axis}", 1)
    if function in names.others:
        rest = ", ".join(arguments[1:])
        yield f"~{function}({arguments[0]}, {rest})"
        yield f"{function}(np.exp({arguments[0]}), {rest})"
        yield f"{function}(1 / (1 + np.abs({arguments[0]})), {rest})"


def _other_parts(node: ast.Subscript, names: Names) -> Iterator[str]:
    whole = ast.unparse(node.value)
    if not isinstance(node.slice, ast.Slice):
        return
    ends = [
        ast.unparse(end) if end else "" for end in (node.slice.lower, node.slice.upper)
    ]
    lower, upper = ends
    yield f"{whole}[{upper}:{lower}]"
    yield f"{whole}[:]"
    if upper:
        yield f"{whole}[-({upper}):]"
        yield f"{whole}[{lower}:({upper}) + 1]"
        yield f"{whole}[{lower}:({upper}) - 1]"


def _other_constants(node: ast.Constant, names: Names) -> Iterator[str]:
    if isinstance(node.value, bool):
        yield repr(not node.value)
    elif isinstance(node.value, float):
        yield from (repr(round(1 - node.value, 3)), repr(node.value / 10))
    elif isinstance(node.value, int):
        yield repr(node.value + 1)
    elif isinstance(node.value, str):
        yield from map(repr, OTHER_WORDS.get(node.value, ()))


def _other_results(node: ast.Return, names: Names) -> Iterator[str]:
    if node.value is not None:
        for result in (*RESULTS, names.parameters[0]):
            yield f"return {result.format(ast.unparse(node.value))}"


def _other_conditions(node: ast.If, names: Names) -> Iterator[str]:
    test = ast.unparse(node.test)
    for other in (f"not ({test})", "True", "False"):
        condition = ast.parse(other, mode="eval").body
        yield ast.unparse(ast.If(condition, node.body, node.orelse))


def _shorter_loops(node: ast.For, names: Names) -> Iterator[str]:
    for part in ("[1:]", "[:1]", "[:-1]"):
        items = ast.parse(f"list({ast.unparse(node.iter)}){part}", mode="eval").body
        loop = ast.For(node.target, items, node.body, node.orelse)
        yield ast.unparse(ast.fix_missing_locations(loop))


def _without_statement(node: ast.stmt, names: Names) -> Iterator[str]:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if not is_text:
        yield "pass"


CHANGES = {
    ast.Name: _other_names,
    ast.Call: _other_calls,
    ast.Attribute: _other_attributes,
    ast.Compare: _other_comparisons,
    ast.BinOp: _other_operations,
    ast.UnaryOp: _without_operation,
    ast.IfExp: _other_arms,
    ast.Subscript: _other_parts,
    ast.Constant: _other_constants,
    ast.Return: _other_results,
    ast.If: _other_conditions,
    ast.For: _shorter_loops,
    ast.Assign: _without_statement,
    ast.AugAssign: _without_statement,
    ast.Expr: _without_statement,
}
