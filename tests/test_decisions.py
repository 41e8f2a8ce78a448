"""`compress` has a pass decide once; alone, a pass decides whenever it is asked."""

import pytest
import tiny_models

import nncompress_lab as ncl


@pytest.mark.parametrize(
    ("step", "name"),
    [(ncl.LowRank(energy=0.9), "_choose"), (ncl.Factorization(energy=0.9), "_decide")],
)
def test_a_pass_chooses_ranks_once_of_each_model(step, name, monkeypatch):
    model, kind, asked = tiny_models.sequential(), type(step), []
    decide = getattr(kind, name)

    def counting(self, *args):
        asked.append(self)
        return decide(self, *args)

    monkeypatch.setattr(kind, name, counting)
    alone, reasons = step(model), step.explain(model)
    assert len(asked) == 2

    result = ncl.compress(model, step, step)

    assert len(asked) == 4  # of the model, and of what came out of the first
    shapes = [one.shape for one in alone.weights]
    assert [one.shape for one in result.stages[step.label].weights] == shapes
    assert step.explain(model) == reasons
    assert len(asked) == 5
