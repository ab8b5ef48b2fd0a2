"""Training in PyTorch: transform nets, loss networks, losses, data, training loops and export.

The only way from here to the rest of the project is files: `train` writes net and style files (see `engines`),
nothing that runs per frame imports it.
"""
