"""Video files: every frame painted, everything else in the file carried along."""
