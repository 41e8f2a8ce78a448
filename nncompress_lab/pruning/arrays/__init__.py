"""Masks, scores, rankings and schedules of pruning on arrays: NumPy only."""
