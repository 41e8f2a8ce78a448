"""Which residual blocks of a model repeat each other, and which a student leaves out.

A residual block adds something to its input, so without the block the input goes on as it
was. Blocks repeat each other when they follow one another and have the same layers.
"""

import json
from dataclasses import dataclass
from typing import Any

import keras

from nncompress_lab.models.cloning import settings
from nncompress_lab.models.graph import ModelGraph, Node

# What may differ between two blocks that repeat each other.
NOT_COMPARED = {"name", "seed", "rate", "drop_path_rate", "trainable"}
WEIGHTLESS = {"Activation", "ReLU", "LeakyReLU", "Dropout"}

Makers = dict[int, Node]
"""The call that returns each tensor, by the id of the tensor; an input has none."""


@dataclass(frozen=True)
class Block:
    """One residual addition.

    Args:
        node: The call that adds.
        place: Which of the two that it adds goes on without the block, 0 or 1.
        content: What the block computes, comparable.
    """

    node: Node
    place: int
    content: str


def left_out(model: keras.Model, depth: float) -> dict[int, int]:
    """The additions of repeated residual blocks to leave out, evenly spaced.

    Args:
        model: A functional model.
        depth: Fraction of the blocks of each repetition that stay, in (0, 1]; at least
            one of them stays.

    Returns:
        By the id of what adds: which of its inputs goes on; empty if nothing repeats.

    References:
        Every second block of a teacher makes the student in Sanh, Debut, Chaumond, Wolf,
        "DistilBERT", 2019, section 3. https://arxiv.org/abs/1910.01108
    """
    found: dict[int, int] = {}
    for chain in _chains(ModelGraph(model)):
        period = _period([block.content for block in chain])
        repeats = len(chain) // period
        stay = max(1, round(depth * repeats))
        kept = {index * repeats // stay for index in range(stay)}
        found |= {
            id(block.node.operation): block.place
            for position, block in enumerate(chain)
            if position // period not in kept
        }
    return found


def _chains(graph: ModelGraph) -> list[list[Block]]:
    makers = {id(one): node for node in graph.nodes for one in node.outputs}
    chains: list[list[Block]] = []
    for node in graph.nodes:
        block = _block(node, graph, makers)
        if block is None:
            continue
        before = _passed_on(node.inputs[block.place], makers)
        chain = next((one for one in chains if one[-1].node in before), None)
        if chain is None:
            chains.append([block])
        else:
            chain.append(block)
    return chains


def _block(node: Node, graph: ModelGraph, makers: Makers) -> Block | None:
    once = len(graph.calls_of(node.operation)) == 1
    if type(node.operation).__name__ != "Add" or len(node.inputs) != 2 or not once:
        return None
    for place, skipped in enumerate(node.inputs):
        branch = node.inputs[1 - place]
        inside = _between(branch, skipped, makers)
        if inside and skipped.shape == branch.shape:
            contents = [_content(one.operation) for one in graph.nodes if one in inside]
            return Block(node, place, json.dumps([skipped.shape, *contents]))
    return None


def _between(end: Any, start: Any, makers: Makers) -> list[Node]:
    """The calls from one tensor to another; empty if there is another way in."""
    waiting, seen = [end], list[Node]()
    while waiting:
        tensor = waiting.pop()
        node = makers.get(id(tensor))
        if tensor is start or node in seen:
            continue
        if node is None:
            return []
        seen.append(node)
        waiting += node.inputs
    return seen


def _content(called: Any) -> str:
    if isinstance(called, keras.Layer):
        config = settings(called)
    else:
        config = {name: one for name, one in vars(called).items() if name[0] != "_"}
    compared = {name: one for name, one in config.items() if name not in NOT_COMPARED}
    return json.dumps([type(called).__name__, compared], sort_keys=True, default=str)


def _passed_on(tensor: Any, makers: Makers) -> list[Node]:
    """The call a tensor comes from and, behind layers without weights, those before."""
    nodes: list[Node] = []
    while (node := makers.get(id(tensor))) is not None:
        nodes.append(node)
        if type(node.operation).__name__ not in WEIGHTLESS or len(node.inputs) != 1:
            break
        tensor = node.inputs[0]
    return nodes


def _period(contents: list[str]) -> int:
    """After how many items a sequence repeats itself; its length if it does not."""
    length = len(contents)
    return next(
        period
        for period in range(1, length + 1)
        if length % period == 0 and contents == contents[:period] * (length // period)
    )
