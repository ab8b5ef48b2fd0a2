"""A camera, a stream or a clip painted as it comes, in a window or without one. No torch.

Threads and what they own (each hand-off holds one frame, the newest wins, and what it replaces is counted):

    capture (the source) -> paint (the engine) -> main (the window)
                                               -> record (the encoder), virtual-camera (its device)
"""
