"""Looks into an ONNX file from a stranger, and bounds what it may ask for, before ONNX Runtime sees it."""

from ganzoo.bundle.onnx_guard.check import MAX_BATCH, OnnxReport, check_graph, check_onnx
from ganzoo.bundle.onnx_guard.graph import read_graph

__all__ = ["MAX_BATCH", "OnnxReport", "check_graph", "check_onnx", "read_graph"]
