"""A Python callable as a worker of a run: the program prepares pictures and keeps the ledger, the callable gives logits.

The program runs as a process of its own, so that its libraries and the callable's never meet and a picture that ends a
process ends no model. Pictures and logits lie in memory that both map; a line of JSON through a pipe says what to do with
them. `Sources/Working/Python/PythonExchange.swift` is the other side.
"""

from __future__ import annotations

import json
import mmap
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _program
from ._errors import WorkError

#: What a callable gets: float32 images, [count, 3, height, width] or [count, height, width, 3].
Images = npt.NDArray[np.float32]
Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True)
class WorkSummary:
    """What a worker did."""

    #: Images that the callable answered, repetitions included.
    images: int
    #: Seconds in the callable.
    computing: float
    #: Seconds from the first question to the last answer.
    seconds: float

    def __str__(self) -> str:
        rate = self.images / self.seconds if self.seconds > 0 else 0.0
        share = self.computing / self.seconds if self.seconds > 0 else 0.0
        return f"{self.images} images, {rate:.4g} a second, {share:.0%} of the time in the callable"


def work(
    run: str | os.PathLike[str] | None = None,
    model: Callable[[Any], Any] | None = None,
    *,
    name: str | None = None,
    connect: str | None = None,
    keys: str | os.PathLike[str] | None = None,
    batch: int = 32,
    streams: int | None = None,
    layout: Layout = "NCHW",
    patience: int = 600,
    program: str | os.PathLike[str] | None = None,
    summary: str | None = None,
) -> WorkSummary:
    """Joins a run as a worker whose logits come from a callable, until the run is done.

    The run's manifest has a model with ``engine: python`` for it. Pictures are read, changed and normalised by Gauntlet, the
    same bits as for its own networks. Leases, retries and resuming hold for this worker as for any other; it may be killed at
    any time. Logits are the callable's: that they have the same bits everywhere is not promised.

    SIGINT (Ctrl-C) and SIGTERM finish the shards at hand, hand the others back, and return; a second SIGINT ends at once.

    Args:
        run: The run's folder, where this machine sees it.
        model: Gets images and gives logits, [count, classes]. A ``torch.nn.Module`` is put into its evaluation mode and called
            without gradients on the device of its parameters; anything else gets a NumPy array of float32, whose memory is used
            again after it returns, and gives what ``numpy.asarray`` takes.
        name: The model's name in the manifest; not needed where one model alone is for Python.
        connect: The coordinator's address instead of a folder, ``tcp://HOST:PORT``, with ``keys``.
        keys: The key bundle's file, a copy of the run folder's ``keys/worker.bundle``.
        batch: Images of a call at most.
        streams: Shards whose pictures are prepared at the same time, a thread each; as many as there are processors otherwise.
        layout: ``"NCHW"`` for images [count, 3, height, width], ``"NHWC"`` for [count, height, width, 3].
        patience: Seconds to wait for a coordinator that has not started or does not answer.
        program: The program ``gauntlet``; the wheel's, ``$GAUNTLET_PROGRAM`` or the one on the PATH otherwise.
        summary: What computes, for the archive; made of the callable, its library and its device otherwise.

    Returns:
        What was done.

    Raises:
        WorkError: where the worker could not join or go on; its messages are on standard error.
    """
    if model is None or not callable(model):
        raise TypeError("give model=, a callable that takes images and returns logits")
    place = _place(run, connect, keys)
    if layout not in ("NCHW", "NHWC"):
        raise ValueError(f'layout is {layout!r}, but must be "NCHW" or "NHWC"')
    called = _Callable.of(model, layout)
    with _exchange() as (questions, answers, memory, theirs):
        command = [
            _program_path(program), "work", *place, "--batch", str(batch), "--patience", str(patience), "--exit-with-parent",
            "--python-exchange", ",".join(map(str, theirs)), "--python-summary", summary or called.summary,
        ]  # fmt: skip
        command += ["--python-model", name] if name is not None else []
        command += ["--streams", str(streams)] if streams is not None else []
        # A group of its own, so that Ctrl-C is for this process alone, which passes on what is meant.
        try:
            worker = subprocess.Popen(command, pass_fds=theirs, start_new_session=True)
        except OSError as error:
            raise WorkError(f"{command[0]} cannot be started: {error.strerror}") from error
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        with _draining(worker):
            server = _Server(called, questions, answers, memory)
            try:
                server.serve()
            except BaseException:
                worker.kill()
                worker.wait()
                raise
            status = worker.wait()
    if status != 0:
        raise WorkError(f"the worker exited with status {status}; see its messages above")
    return server.summary


def _place(run: Any, connect: str | None, keys: Any) -> list[str]:
    if run is not None and connect is None and keys is None:
        return ["--run", os.fspath(run)]
    if run is None and connect is not None and keys is not None:
        return ["--connect", connect, "--keys", os.fspath(keys)]
    raise TypeError("give either the run's folder, or both connect= and keys=")


def _program_path(program: Any) -> str:
    found = program or _program.path() or os.environ.get("GAUNTLET_PROGRAM") or shutil.which("gauntlet")
    if found is None:
        raise WorkError("the program gauntlet was not found: install the wheel for Linux, or give program=")
    if not Path(found).is_file():
        raise WorkError(f"{os.fspath(found)} is not a program")
    return os.fspath(found)


@contextmanager
def _exchange() -> Iterator[tuple[int, int, int, tuple[int, int, int]]]:
    """Two pipes and a memory file: this side's ends, and the descriptors that the program inherits, which are its own."""
    memory = os.memfd_create("gauntlet", os.MFD_CLOEXEC)
    questions, their_questions = os.pipe()
    their_answers, answers = os.pipe()
    # Whoever takes them closes the program's own.
    try:
        yield questions, answers, memory, (their_questions, their_answers, os.dup(memory))
    finally:
        for descriptor in (questions, answers, memory):
            os.close(descriptor)


@contextmanager
def _draining(worker: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGINT and SIGTERM ask the worker to finish what is at hand; a second SIGINT does what it always does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def drain(number: int, _: object) -> None:
        signal.signal(signal.SIGINT, former[signal.SIGINT] or signal.SIG_DFL)
        print("gauntlet: finishing the shards at hand; once more ends at once", file=sys.stderr, flush=True)
        with suppress(ProcessLookupError):
            worker.send_signal(signal.SIGTERM)

    for number in former:
        signal.signal(number, drain)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler or signal.SIG_DFL)


@dataclass
class _Callable:
    """A callable that takes images as the program has them, [count, height, width, 3]."""

    call: Callable[[Images], Any]
    summary: str

    @staticmethod
    def of(model: Callable[[Any], Any], layout: Layout) -> _Callable:
        def laid_out(images: Images) -> Images:
            return np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if layout == "NCHW" else images

        torch = sys.modules.get("torch")
        if torch is not None and isinstance(model, torch.nn.Module):
            return _of_module(torch, model, laid_out)
        what = getattr(model, "__qualname__", type(model).__qualname__)
        module = getattr(model, "__module__", None)
        return _Callable(
            lambda images: model(laid_out(images)),
            f"{module + '.' if module else ''}{what}, Python {platform.python_version()}",
        )


def _of_module(torch: Any, module: Any, laid_out: Callable[[Images], Images]) -> _Callable:
    module.eval()
    tensor = next(iter(module.parameters()), None)
    device = tensor.device if tensor is not None else torch.device("cpu")
    dtype = tensor.dtype if tensor is not None and tensor.dtype.is_floating_point else torch.float32

    def call(images: Images) -> Any:
        with torch.inference_mode():
            # The memory is used again, and not on the device's time.
            values = torch.from_numpy(laid_out(images).copy()).to(device=device, dtype=dtype)
            answer = module(values)
            answer = getattr(answer, "logits", answer)
            return answer.float().cpu().numpy()

    kind = f" {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    return _Callable(call, f"{type(module).__qualname__}, {dtype}, torch {torch.__version__}, {device}{kind}")


def _text(error: Exception) -> str:
    """An error in words that are Unicode, whatever it says of itself, and that fit a line."""
    try:
        words = f"{type(error).__name__}: {error}"
    except Exception:
        words = type(error).__name__
    return words[:4000].encode("utf-8", "replace").decode("utf-8")


def _write(descriptor: int, data: bytes) -> None:
    """All of it, though a signal may end a write early."""
    while data:
        data = data[os.write(descriptor, data) :]


@dataclass
class _Server:
    """Answers the program's questions until it asks no more."""

    called: _Callable
    questions: int
    answers: int
    memory: int
    _map: mmap.mmap | None = None
    _images: int = 0
    _computing: float = 0.0
    _times: list[float] = field(default_factory=list)

    def serve(self) -> None:
        with os.fdopen(os.dup(self.questions), "rb") as lines:
            for line in lines:
                question = json.loads(line)
                answer = {"slot": question["slot"]}
                started = time.monotonic()
                try:
                    self._answer(question)
                except Exception as error:
                    answer["error"] = _text(error)
                ended = time.monotonic()
                self._computing += ended - started
                self._images += 0 if "error" in answer else question["count"]
                self._times = [self._times[0] if self._times else started, ended]
                try:
                    _write(self.answers, json.dumps(answer).encode() + b"\n")
                except BrokenPipeError:
                    return

    def _answer(self, question: dict[str, int]) -> None:
        values = self._values(question["bytes"])
        count, height, width, classes = (question[key] for key in ("count", "height", "width", "classes"))
        size = count * height * width * 3
        images = values[question["images"] : question["images"] + size].reshape(count, height, width, 3)
        images.flags.writeable = False
        logits = np.asarray(self.called.call(images), dtype=np.float32)
        if logits.shape != (count, classes):
            raise ValueError(
                f"the callable gave {'x'.join(map(str, logits.shape))} values for {count} images, but the manifest says "
                f"classes: {classes}"
            )
        values[question["logits"] : question["logits"] + count * classes] = logits.ravel()

    def _values(self, size: int) -> npt.NDArray[np.float32]:
        if self._map is None:
            self._map = mmap.mmap(self.memory, size)
        return np.frombuffer(self._map, dtype=np.float32)

    @property
    def summary(self) -> WorkSummary:
        seconds = self._times[1] - self._times[0] if self._times else 0.0
        return WorkSummary(images=self._images, computing=self._computing, seconds=seconds)
