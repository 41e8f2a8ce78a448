"""Which residual blocks of a model repeat each other, and a model without some of them.

A residual block adds something to its input, so without the block the input goes on as it
was. Blocks repeat each other when they follow one another and have the same layers.
"""

import json
from dataclasses import dataclass
from typing import Any

from nncompress_lab.distillation import config_graph as graph
from nncompress_lab.distillation.config_graph import Config, Tensor

# What may differ between two blocks that repeat each other.
NOT_COMPARED = {"name", "seed", "rate", "drop_path_rate", "trainable"}


@dataclass(frozen=True)
class Block:
    """One residual addition.

    Args:
        name: Of the layer that adds.
        skipped: The tensor that goes on without the block.
        content: What the block computes, comparable.
    """

    name: str
    skipped: Tensor
    content: str


def shallower(config: Config, depth: float) -> list[str]:
    """Leave out repeated residual blocks, evenly spaced, in place.

    Args:
        config: Of a functional model.
        depth: Fraction of the blocks of each repetition that stay, in (0, 1]; at least
            one of them stays.

    Returns:
        The names of the additions that are gone; empty if nothing repeats.

    References:
        Every second block of a teacher makes the student in Sanh, Debut, Chaumond, Wolf,
        "DistilBERT", 2019, section 3. https://arxiv.org/abs/1910.01108
    """
    dropped: dict[tuple[str, int, int], list[Any]] = {}
    for chain in _chains(config):
        period = _period([block.content for block in chain])
        repeats = len(chain) // period
        stay = max(1, round(depth * repeats))
        kept = {index * repeats // stay for index in range(stay)}
        for position, block in enumerate(chain):
            if position // period not in kept:
                source = list(block.skipped.key)
                # What went before may be gone, too.
                dropped[block.name, 0, 0] = dropped.get(block.skipped.key, source)
    graph.redirect(config, dropped)
    return [name for name, _, _ in dropped]


def _chains(config: Config) -> list[list[Block]]:
    entries = {entry["name"]: entry for entry in config["layers"]}
    chains: list[list[Block]] = []
    for entry in config["layers"]:
        block = _block(entry, entries)
        if block is None:
            continue
        last = chains[-1][-1] if chains else None
        if last and last.name in _passed_on(block.skipped, entries):
            chains[-1].append(block)
        else:
            chains.append([block])
    return chains


def _block(entry: Config, entries: dict[str, Config]) -> Block | None:
    added = graph.calls(entry)
    if entry["class_name"] != "Add" or len(added) != 1 or len(added[0]) != 2:
        return None
    for skipped, branch in (added[0], reversed(added[0])):
        content = _between(branch, skipped, entries)
        if content and skipped.shape == branch.shape:
            return Block(entry["name"], skipped, json.dumps([skipped.shape, *content]))
    return None


def _between(end: Tensor, start: Tensor, entries: dict[str, Config]) -> list[str]:
    """The layers from one tensor to another; empty if there is another way in."""
    waiting, seen = [end], set()
    while waiting:
        tensor = waiting.pop()
        if tensor.key == start.key or tensor.layer in seen:
            continue
        sources = [one for call in graph.calls(entries[tensor.layer]) for one in call]
        if not sources:
            return []
        seen.add(tensor.layer)
        waiting += sources
    return [_content(entries[name]) for name in entries if name in seen]


def _content(entry: Config) -> str:
    settings = {
        key: value for key, value in entry["config"].items() if key not in NOT_COMPARED
    }
    return json.dumps([entry["class_name"], settings], sort_keys=True, default=str)


def _passed_on(tensor: Tensor, entries: dict[str, Config]) -> list[str]:
    """The layer a tensor comes from and, behind layers without weights, those before."""
    names = [tensor.layer]
    while True:
        entry = entries[names[-1]]
        sources = [one for call in graph.calls(entry) for one in call]
        weightless = entry["class_name"] in {
            "Activation",
            "ReLU",
            "LeakyReLU",
            "Dropout",
        }
        if not weightless or len(sources) != 1:
            return names
        names.append(sources[0].layer)


def _period(contents: list[str]) -> int:
    """After how many items a sequence repeats itself; its length if it does not."""
    length = len(contents)
    return next(
        period
        for period in range(1, length + 1)
        if length % period == 0 and contents == contents[:period] * (length // period)
    )
