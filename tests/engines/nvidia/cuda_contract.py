"""What every CUDA module must do, whatever is beneath: one suite over all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from engines.nvidia.cuda import Cuda

__all__ = ["CONTRACT"]


def pinned_memory_is_zero_and_has_the_shape_and_type_asked_for(cuda: Cuda) -> None:
    array = cuda.pinned((2, 5, 3), np.uint8)
    floats = cuda.pinned((1, 7), np.float32)
    assert (array.shape, array.dtype, array.any()) == ((2, 5, 3), np.uint8, np.False_)
    assert (floats.shape, floats.dtype, floats.any()) == ((1, 7), np.float32, np.False_)
    assert array.flags.c_contiguous
    assert array.flags.writeable


def what_is_copied_in_comes_out_again(cuda: Cuda) -> None:
    source, target = cuda.pinned((3, 4), np.float32), cuda.pinned((3, 4), np.float32)
    buffer, stream = cuda.device(source.nbytes), cuda.stream()
    source[...] = np.arange(12).reshape(3, 4)  # type: ignore[assignment]
    assert buffer.nbytes == source.nbytes
    assert buffer.address
    stream.copy_in(buffer, source)
    stream.copy_out(target, buffer)
    stream.synchronize()
    np.testing.assert_array_equal(target, source)


def an_event_waits_for_what_was_before_it_in_another_stream(cuda: Cuda) -> None:
    source, target = cuda.pinned((1000,), np.uint8), cuda.pinned((1000,), np.uint8)
    buffer, one, other = cuda.device(1000), cuda.stream(), cuda.stream()
    copied, done = cuda.event(), cuda.event()
    source[...] = 9  # type: ignore[assignment]
    one.copy_in(buffer, source)
    one.record(copied)
    other.wait(copied)
    other.copy_out(target, buffer)
    other.record(done)
    done.synchronize()
    assert (target == 9).all()
    assert one.handle != other.handle


def events_that_were_never_recorded_hold_nobody_up(cuda: Cuda) -> None:
    event, stream = cuda.event(), cuda.stream()
    event.synchronize()
    stream.wait(event)
    stream.synchronize()


def time_between_events_is_positive(cuda: Cuda) -> None:
    source = cuda.pinned((1 << 20,), np.uint8)
    buffer, stream, before, after = cuda.device(1 << 20), cuda.stream(), cuda.event(), cuda.event()
    stream.record(before)
    stream.copy_in(buffer, source)
    stream.record(after)
    after.synchronize()
    assert after.ms_since(before) > 0


def a_graph_does_its_work_at_each_launch_with_what_is_there_then(cuda: Cuda) -> None:
    source, target = cuda.pinned((4,), np.uint8), cuda.pinned((4,), np.uint8)
    buffer, stream = cuda.device(4), cuda.stream()

    def work() -> None:
        stream.copy_in(buffer, source)
        stream.copy_out(target, buffer)

    graph = stream.capture(work)
    if graph is None:  # PyCUDA has none
        assert cuda.binding == "pycuda"
        return
    assert not target.any()
    for value in (3, 4):
        source[...] = value  # type: ignore[assignment]
        graph.launch()
        stream.synchronize()
        assert (target == value).all()


def another_thread_can_take_over(cuda: Cuda) -> None:
    source, target = cuda.pinned((4,), np.uint8), cuda.pinned((4,), np.uint8)
    buffer, stream = cuda.device(4), cuda.stream()
    source[...] = 5  # type: ignore[assignment]
    errors: list[BaseException] = []

    def work() -> None:
        try:
            cuda.make_current()
            stream.copy_in(buffer, source)
            stream.copy_out(target, buffer)
            stream.synchronize()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not errors
    assert (target == 5).all()


def closing_twice_is_harmless(cuda: Cuda) -> None:
    cuda.device(16)
    cuda.close()
    cuda.close()


CONTRACT: list[Callable[[Cuda], None]] = [
    pinned_memory_is_zero_and_has_the_shape_and_type_asked_for,
    what_is_copied_in_comes_out_again,
    an_event_waits_for_what_was_before_it_in_another_stream,
    events_that_were_never_recorded_hold_nobody_up,
    time_between_events_is_positive,
    a_graph_does_its_work_at_each_launch_with_what_is_there_then,
    another_thread_can_take_over,
    closing_twice_is_harmless,
]
