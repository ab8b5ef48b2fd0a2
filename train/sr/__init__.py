"""Upscalers: nets, data, losses, training and export. `bicubic` and `metrics` need no torch."""
