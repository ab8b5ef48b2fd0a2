"""Training in PyTorch: transform nets, loss networks, losses, data, one trainer for all kinds of nets, and the export.

`trainer` takes a task to its last step: `style` has that of style vectors (`bank`: of many, and a net for them),
`sr.task` that of upscalers. A new kind of net is a task, a config and an export through `export`.

The only way from here to the rest of the project is files: `train` writes net and style files (see `engines`),
nothing that runs per frame imports it.
"""
