"""The contract of passes, for passes of one's own: `check_pass`."""

from nncompress_lab.testing.broken_promise import (
    BrokenPromiseError as BrokenPromiseError,
)
from nncompress_lab.testing.on_model import check_on_model as check_on_model
from nncompress_lab.testing.promises import (
    check_pass as check_pass,
    check_recipe as check_recipe,
    check_refusals as check_refusals,
)
