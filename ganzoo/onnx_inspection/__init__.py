"""Looks into an ONNX file from a stranger, and bounds what it may ask for, before ONNX Runtime sees it."""

from ganzoo.onnx_inspection.check import MAX_BATCH, OnnxReport, check_graph, check_onnx
from ganzoo.onnx_inspection.graph import read_graph

__all__ = ["MAX_BATCH", "OnnxReport", "check_graph", "check_onnx", "read_graph"]
