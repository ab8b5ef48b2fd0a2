"""Engines on NVIDIA GPUs: TensorRT and TensorRT for RTX behind one code path. Not yet run on a GPU: docs/gpu.md."""
