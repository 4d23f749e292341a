"""Validates an untrusted ONNX file, and limits its memory and time, before ONNX Runtime loads it."""

from ganzoo.bundle.onnx_guard.check import MAX_BATCH, OnnxReport, check_critic, check_encoder, check_graph, check_onnx
from ganzoo.bundle.onnx_guard.graph import read_graph

__all__ = ["MAX_BATCH", "OnnxReport", "check_critic", "check_encoder", "check_graph", "check_onnx", "read_graph"]
