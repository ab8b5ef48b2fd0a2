"""Speed, quality and stability, measured; results stand in `results/` with the machine they were measured on."""
