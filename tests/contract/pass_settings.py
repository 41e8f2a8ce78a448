"""The contract's list: every public pass, with settings that do something to tiny models.

A new pass gets a line here; `test_pass_contract.py` does the rest.
"""

import nncompress_lab as ncl

# On all models on every backend; the others there on one, in turn.
EVERYWHERE = ncl.pipeline(
    ncl.MagnitudePruning(sparsity=0.5), ncl.UniformQuantization(bits=4)
)
PASSES: tuple[ncl.Pass, ...] = (
    ncl.MagnitudePruning(sparsity=0.5),
    ncl.MagnitudePruning(sparsity=0.8, scope="global"),
    ncl.MagnitudePruning(sparsity=0.5, scope="layer", select="*"),
    ncl.MagnitudePruning(threshold=0.05),
    ncl.ScorePruning(sparsity=0.5),
    ncl.NMPruning(n=2, m=4),
    ncl.OptimalBrainPruning(sparsity=0.5),
    ncl.OptimalBrainPruning(n=2, m=4),
    # At once, before gradients differ by a rounding: a mask is all or nothing.
    ncl.GradualPruning(sparsity=0.5, curve="constant", epochs=1, batch_size=16),
    ncl.ChannelPruning(sparsity=0.5),
    ncl.SparseGammas(strength=1e-3, epochs=1, batch_size=16),
    ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.9, scope="global"), ncl.RemoveDeadChannels()
    ),
    ncl.UniformQuantization(bits=8),
    ncl.UniformQuantization(bits=4, granularity="per_group", group_size=8),
    ncl.UniformQuantization(bits=3, granularity="per_tensor", symmetric=False),
    ncl.UniformQuantization(bits=4, clipping="mse"),
    ncl.pipeline(
        ncl.UniformQuantization(bits=8), ncl.ActivationQuantization(calibration="mse")
    ),
    ncl.GPTQ(bits=4),
    ncl.RateAwareQuantization(rate=1e-8),
    ncl.pipeline(
        ncl.FoldBatchNorm(),
        ncl.EqualizeRanges(),
        ncl.UniformQuantization(bits=4, granularity="per_tensor"),
        ncl.CorrectBias(),
    ),
    ncl.CodebookQuantization(bits=3),
    ncl.CodebookQuantization(
        bits=2, table="normal_float", granularity="per_group", group_size=16
    ),
    ncl.CodebookQuantization(
        bits=4, table="mxfp4", granularity="per_group", group_size=32
    ),
    ncl.pipeline(
        ncl.CodebookQuantization(bits=2),
        ncl.FineTuneCodebook(epochs=1, batch_size=16),
    ),
    # So slow that no weight crosses to the next integer in one run and not in another.
    ncl.QuantizationAwareTraining(
        bits=3,
        activation_bits=8,
        step_size="learned",
        epochs=1,
        batch_size=16,
        learning_rate=1e-7,
    ),
    ncl.CodebookAwareTraining(bits=2, epochs=1, batch_size=16, learning_rate=1e-7),
    ncl.ShortFloats(significant_bits=8, values=4),
    ncl.FoldBatchNorm(),
    ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), ncl.ReestimateBatchNorm()),
    ncl.FineTune(epochs=1, batch_size=16),
    ncl.Distillation(loss="decoupled", features="hint", epochs=1, batch_size=16),
    ncl.LowRank(rank=2),
    ncl.LowRank(macs=0.5),
    ncl.LowRank(energy=0.6, data_aware=True),
    ncl.Factorization("tucker2", rank=2),
    ncl.Factorization("spatial", parameters=0.6, data_aware=True),
    ncl.Factorization("cp", energy=0.5),
    EVERYWHERE,
    ncl.pipeline(),
)
