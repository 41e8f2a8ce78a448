"""Factorization under sliders: a convolution as a chain of small ones."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import traitlets

from nncompress_lab.report.formats import count
from nncompress_lab.trials.factorization import FactorizationTrial
from nncompress_lab.trials.replacing import Steps
from nncompress_widgets.factorization_view import (
    AS_IT_IS,
    METHODS,
    TUCKER,
    WHOLE_MODEL,
    FactorizationView,
    step_of,
)
from nncompress_widgets.replacing_explorer import ReplacingExplorer


class FactorizationExplorer(ReplacingExplorer):
    """Put chains of small convolutions in the place of a real model's large ones.

    The picture shows a layer and below it the layers of the chain, as wide as their MACs,
    and some of the layer's filters before and after. Beside it is what the smaller model
    really does. A layer whose chain would be larger than itself stays as it is.

    Everything can be moved from Python, too: after `explorer.method = "cp"`, the figures
    are those of the new setting.

    Args:
        model: A built functional or sequential Keras model of any task. It is not changed.
        data: A data set or a `Context`, whose validation examples are used, or a single
            `Data`. What judges the model is the objective of the context, or what it was
            compiled with, or what the labels tell.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        target: The path of a layer, at first that with the most weights, or `"*"`: one
            method and one fraction for all convolutions. Each layer keeps its own
            setting, and those of all layers apply together.
        method: `"tucker2"`, `"spatial"`, `"cp"` or `"separable"`, or `"none"` to leave
            the target as it is. With a new method come ranks that take half of the
            layer's MACs.
        rank: Of the layer; with Tucker-2 that of its inputs.
        rank_out: Of its outputs; only with Tucker-2.
        fraction: Of all layers' full ranks, in (0, 1); only where the target is `"*"`.
        weight_error: How far the kernel in the picture is from the layer's, relatively;
            read-only.
        output_error: The same of its outputs on 64 images, or of its weights where a
            layer sees no image; read-only.

    Raises:
        UnsupportedModelError: If no layer can be factorized, or the model's MACs cannot
            be counted.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If the images do not fit the model, or the goal bounds a figure that
            factorization does not change.

    Example:
        >>> import keras, nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> explorer = FactorizationExplorer(ncl.zoo.lenet5(), images)
        >>> explorer.rank, explorer.rank_out = 8, 16
        >>> explorer.setting.rank, explorer.setting.select.names
        ((8, 16), ('conv2',))
    """

    TRIAL = staticmethod(partial(FactorizationTrial, timed=True))
    VIEW = FactorizationView
    TITLE = "Factorization of {}"
    SHOWN = ("macs", "parameters", "latency_ms", "packed_bytes")
    KNOBS: ClassVar[tuple[str, ...]] = ("method", "rank", "rank_out", "fraction")
    _trial: FactorizationTrial
    _view: FactorizationView

    method = traitlets.Enum([*METHODS.values()], default_value=TUCKER)
    rank = traitlets.Int(1, min=1)
    rank_out = traitlets.Int(1, min=1)
    fraction = traitlets.Float(0.5)

    @property
    def choice(self) -> Steps:
        """The step of each layer whose chain is smaller than itself."""
        with self._lock:
            whole = self.target == WHOLE_MODEL
            step = step_of(self._chosen[WHOLE_MODEL], WHOLE_MODEL)
            steps = {
                path: step_of(self._chosen[path], path) for path in self._trial.layers
            }
        if whole:
            return {} if step is None else self._trial.for_all(step)
        return {
            path: one
            for path, one in steps.items()
            if one is not None and self._trial.shrinks(path, one)
        }

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        macs = count(round(self._trial.counted(self.choice)["macs"]))
        where = "all convolutions" if self.target == WHOLE_MODEL else self.target
        words = next(words for words, one in METHODS.items() if one == self.method)
        return (
            f"FactorizationExplorer of {self._trial.name}: {where}, {words}, {macs} MACs "
            f"an image, {self.score_in_words}."
        )

    def check_target(self, target: str) -> None:
        """Raise a `ValueError` unless there is such a layer."""
        if target != WHOLE_MODEL:
            self._trial.check_layer(target)

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for a method or ranks that the layer does not take."""
        step = step_of(settings, target)
        if step is None or target == WHOLE_MODEL:
            return
        full = self._trial.full_ranks(target, step.method)
        if step.method != self._chosen[target]["method"]:
            return  # its ranks are chosen anew
        for name, most in zip(("rank", "rank_out"), full, strict=False):
            if not 1 <= settings[name] <= most:
                raise ValueError(
                    f"`{name}` of {target!r} is a whole number from 1 to {most:,}. "
                    f"Received: {name}={settings[name]!r}."
                )

    def _follow(self, name: str, value: Any) -> None:
        held = self._chosen[self.target] if self.target else {}
        if name == "method" and value != held["method"]:
            held |= self._ranks(self.target, value)
        super()._follow(name, value)

    def _first_settings(self) -> dict[str, dict[str, Any]]:
        first = self._trial.largest
        targets = dict.fromkeys([first, WHOLE_MODEL, *self._trial.layers])
        return {one: self._first(one, begun=one == first) for one in targets}

    def _first(self, target: str, *, begun: bool) -> dict[str, Any]:
        """The first settings of a target: only one layer is factorized."""
        whole = target == WHOLE_MODEL
        method = TUCKER if whole else self._trial.methods(target)[0]
        return {
            "method": method if begun or whole else AS_IT_IS,
            "rank": 1,
            "rank_out": 1,
            "fraction": 0.5,
            **self._ranks(target, method),
        }

    def _ranks(self, target: str, method: Any) -> dict[str, int]:
        """Ranks with half of a layer's MACs."""
        if target == WHOLE_MODEL or method == AS_IT_IS:
            return {}
        ranks = self._trial.half(target, method)
        return dict(zip(("rank", "rank_out"), ranks, strict=False))
