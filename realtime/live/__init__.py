"""A camera, a stream or a clip painted as it comes, in a window or without one. No torch.

Threads and what they own (each queue holds one frame, the newest wins, and what it replaces is counted):

    capture (the source) -> process (the engine) -> main (the display: a window, or nothing to see)
                                                 -> record (the encoder), virtual-camera (its device)

One record, `frame.LiveFrame`, goes the whole way. What keys, a page or a program change is `controls.Controls`.
"""
