"""Upscalers: networks, data, the task of training them, and how they are measured (`evaluation` needs no torch)."""
