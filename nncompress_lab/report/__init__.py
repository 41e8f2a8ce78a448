"""What compression did to a model: every figure, measured, for every stage."""

from nncompress_lab.report.figures import LayerRow, Setup, Stage
from nncompress_lab.report.measuring import compare, measure_stages
from nncompress_lab.report.report import Report

__all__ = ["LayerRow", "Report", "Setup", "Stage", "compare", "measure_stages"]
