"""One file for each program that is measured: `open_program` makes what `benchmarks.peers.runner` times.

The files are loaded by their paths, also by a Python that has no rtstyle: only `ours.py` may import it.
"""
