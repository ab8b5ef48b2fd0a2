"""What happens per frame: sources, the pipeline, sinks, live controls and stats. No torch."""
