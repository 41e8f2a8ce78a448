"""The course: graded lessons, their checks and the learner's progress.

`catalogue` and `progress` are what the Jupyter server reads, and `Lesson` is what a
notebook talks to. None of them starts Keras when it is imported; a `Lesson` does, because
its checks run real models.
"""

from nncompress_lab.course.lesson import Lesson

__all__ = ["Lesson"]
