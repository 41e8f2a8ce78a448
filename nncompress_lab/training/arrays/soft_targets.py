"""What a teacher's logits teach: the losses of distillation, on arrays or tensors.

All take logits, never probabilities: a softmax of probabilities is nearly uniform and
teaches nothing. Logits are defined up to a constant an example, and so are the losses on
soft targets; the squared error is not, and takes logits whose mean is zero.

Storey 1: they compute with NumPy or, in training, with `keras.ops`.
"""

from typing import Any

import numpy as np

OTHERS_WEIGHT = 8.0  # beta of most experiments in the paper on decoupled distillation

ABSENT = -1e9  # the logarithm of a probability that is 0

Logits = Any  # arrays, or the tensors that `xp` takes
Floats = Any


def soft_targets(logits: Logits, *, temperature: float = 1.0) -> Floats:
    """Probabilities of the classes, softened by a temperature.

    Args:
        logits: Shape `(..., classes)`; the last axis counts the classes.
        temperature: Above 0. 1 is the ordinary softmax, more brings the classes nearer
            to each other.

    Returns:
        Array of the shape of `logits` whose last axis sums to 1. The largest logit is
        subtracted first, so that no logit is too large.

    Raises:
        ValueError: If `temperature` is not above 0.

    Example:
        >>> logits = np.array([[2.0, 0.0], [1000.0, 1000.0]])
        >>> soft_targets(logits, temperature=2.0).round(3)
        array([[0.731, 0.269],
               [0.5  , 0.5  ]])

    References:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015,
        section 2. https://arxiv.org/abs/1503.02531
    """
    return np.exp(log_soft_targets(logits, temperature=temperature))


def log_soft_targets(
    logits: Logits, *, temperature: float = 1.0, xp: Any = np
) -> Floats:
    """The logarithm of `soft_targets`, finite also where a probability rounds to 0.

    Args:
        logits: As there.
        temperature: As there.
        xp: `numpy` or `keras.ops`.

    Example:
        >>> log_soft_targets(np.array([[0.0, -2000.0]]), temperature=2.0)
        array([[    0., -1000.]])
    """
    check_temperature(temperature)
    scaled = (logits - xp.max(logits, axis=-1, keepdims=True)) / temperature
    return scaled - xp.log(xp.sum(xp.exp(scaled), axis=-1, keepdims=True))


def soft_target_loss(
    teacher: Logits, student: Logits, *, temperature: float, xp: Any = np
) -> Floats:
    """How far a student's soft targets are from the teacher's, times temperature².

    The gradients of the divergence shrink with the square of the temperature. The factor
    keeps their size, so that `student_loss_weight` means the same at every temperature.

    Args:
        teacher: Logits of shape `(n, classes)`.
        student: Logits of the same shape.
        temperature: Above 0, the same for both.
        xp: `numpy` or `keras.ops`.

    Returns:
        `temperature² * KL(teacher ‖ student)` in nats, shape `(n,)`: at least 0, and 0
        where the two differ by a constant.

    Example:
        >>> teacher, student = np.array([[4.0, 0.0]]), np.array([[0.0, 0.0]])
        >>> soft_target_loss(teacher, student, temperature=4.0).round(3)
        array([1.775])

    References:
        Hinton, Vinyals, Dean 2015, section 2, as in `soft_targets`.
    """
    log_teacher = log_soft_targets(teacher, temperature=temperature, xp=xp)
    log_student = log_soft_targets(student, temperature=temperature, xp=xp)
    return temperature**2 * _divergence(log_teacher, log_student, xp)


def logit_loss(teacher: Logits, student: Logits, *, xp: Any = np) -> Floats:
    """Mean squared difference of the logits, after the mean of each example is taken off.

    Logits mean nothing but their differences. Without the mean they are also the same
    for a model that ends in a softmax, where only the logarithms of the probabilities may
    be known. `soft_target_loss` approaches half of this as the temperature rises.

    Args:
        teacher: Logits of shape `(n, classes)`.
        student: Logits of the same shape.
        xp: `numpy` or `keras.ops`.

    Returns:
        Shape `(n,)`.

    Example:
        >>> logit_loss(np.array([[1.0, 3.0]]), np.array([[7.0, 7.0]]))
        array([1.])

    References:
        Ba, Caruana, "Do Deep Nets Really Need to be Deep?", NIPS 2014, section 2.2.
        https://arxiv.org/abs/1312.6184
    """
    difference = teacher - student
    difference = difference - xp.mean(difference, axis=-1, keepdims=True)
    return xp.mean(xp.square(difference), axis=-1)


def bernoulli_loss(
    teacher: Logits, student: Logits, *, temperature: float, xp: Any = np
) -> Floats:
    """`soft_target_loss` for outputs that say yes or no, each by itself.

    Args:
        teacher: Logits, before the sigmoid, of shape `(..., units)`.
        student: Logits of the same shape.
        temperature: Above 0, the same for both.
        xp: `numpy` or `keras.ops`.

    Returns:
        `temperature² * KL(teacher ‖ student)` of the softened answers in nats, the mean
        over the units, shape `(...)`: at least 0, and 0 where the logits are equal.

    Example:
        >>> teacher, student = np.array([[4.0]]), np.array([[0.0]])
        >>> bernoulli_loss(teacher, student, temperature=4.0).round(3)
        array([1.775])

    References:
        Hinton, Vinyals, Dean 2015, section 2, as in `soft_targets`, for two classes of
        which one has the logit 0.
    """
    check_temperature(temperature)
    teacher, student = teacher / temperature, student / temperature
    yes, no = _log_sigmoid(teacher, xp), _log_sigmoid(-teacher, xp)
    divergence = xp.exp(yes) * (yes - _log_sigmoid(student, xp))
    divergence += xp.exp(no) * (no - _log_sigmoid(-student, xp))
    return temperature**2 * xp.mean(divergence, axis=-1)


def decoupled_loss(
    teacher: Logits,
    student: Logits,
    labels: Any,
    *,
    temperature: float,
    target_weight: float = 1.0,
    others_weight: float = OTHERS_WEIGHT,
    xp: Any = np,
) -> Floats:
    """`soft_target_loss` taken apart: how sure the teacher is, and of what else.

    The first part compares the probability of the label with that of all other classes
    together, the second the other classes among themselves. In `soft_target_loss` the
    second is weighted by the probability that the teacher gives to the other classes, and
    so is silent where the teacher is sure.

    Args:
        teacher: Logits of shape `(n, classes)`, at least two classes; or with axes of
            positions between the two.
        student: Logits of the same shape.
        labels: Class indices, of that shape without its last axis.
        temperature: Above 0.
        target_weight: Of the first part, alpha in the paper, at least 0.
        others_weight: Of the second part, beta in the paper, at least 0.
        xp: `numpy` or `keras.ops`.

    Returns:
        Shape `(n,)`, with the factor temperature². With `target_weight=1` and
        `others_weight` the probability of the other classes it is `soft_target_loss`.

    Example:
        >>> teacher, student = np.array([[9.0, 1.0, 0.0]]), np.array([[9.0, 0.0, 1.0]])
        >>> decoupled_loss(teacher, student, np.array([0]), temperature=1.0).round(3)
        array([3.697])

    References:
        Zhao, Cui, Song, Qiu, Liang, "Decoupled Knowledge Distillation", CVPR 2022,
        section 3. https://arxiv.org/abs/2203.08679
    """
    target, others = zip(
        _decoupled(teacher, labels, temperature, xp),
        _decoupled(student, labels, temperature, xp),
        strict=True,
    )
    loss = target_weight * _divergence(*target, xp)
    return temperature**2 * (loss + others_weight * _divergence(*others, xp))


def check_temperature(temperature: float) -> None:
    """Raise a `ValueError` unless `temperature` is a finite number above 0."""
    if not 0 < temperature < np.inf:
        raise ValueError(
            "`temperature` divides the logits and must be above 0; 2 to 8 is usual. "
            f"Received: temperature={temperature!r}."
        )


def _decoupled(
    logits: Logits, labels: Any, temperature: float, xp: Any
) -> tuple[Floats, Floats]:
    """Logarithms of (label, all others), shape `(n, 2)`, and of the others' shares."""
    log = log_soft_targets(logits, temperature=temperature, xp=xp)
    classes = np.arange(log.shape[-1], dtype=np.int32)
    is_label = xp.equal(labels[..., None], classes)
    of_label = xp.sum(xp.where(is_label, log, 0.0), axis=-1)
    others = xp.where(is_label, ABSENT, log)
    largest = xp.max(others, axis=-1)
    sums = xp.sum(xp.exp(others - largest[..., None]), axis=-1)
    of_others = largest + xp.log(sums)
    shares = xp.where(is_label, ABSENT, log - of_others[..., None])
    return xp.stack([of_label, of_others], axis=-1), shares


def _log_sigmoid(logits: Logits, xp: Any) -> Floats:
    return xp.minimum(logits, 0.0) - xp.log1p(xp.exp(-xp.abs(logits)))


def _divergence(log_teacher: Floats, log_student: Floats, xp: Any) -> Floats:
    return xp.sum(xp.exp(log_teacher) * (log_teacher - log_student), axis=-1)
