"""Makes ONNX Runtime's CPU build look like its GPU build on a machine without a working CUDA."""

import onnxruntime

NO_DEVICE = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, Status> "
    "onnxruntime::CudaCall(ERRTYPE, const char*, int) [with ERRTYPE = cudaError; bool THRW = true] "
    "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=vm ; expr=cudaSetDevice(0); \n\n"
)
"""The error of ONNX Runtime 1.31 without a GPU, shortened."""


def pretend(monkeypatch, *, failure):
    """Sessions with CUDA raise ``failure``, or, without one, are of the CPU alone, as where a library is missing."""
    session = onnxruntime.InferenceSession

    def without_cuda(content, options, providers, **others):
        if failure and providers != ["CPUExecutionProvider"]:
            raise RuntimeError(failure)
        return session(content, options, providers=["CPUExecutionProvider"], **others)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", without_cuda)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
