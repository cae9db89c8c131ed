"""Callables as workers, with a stand-in for the program."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import gauntlet
from gauntlet import _work


@pytest.fixture
def program(tmp_path: Path) -> Path:
    made = tmp_path / "a program with spaces"
    made.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "fake_program.py"}" "$@"\n')
    made.chmod(made.stat().st_mode | stat.S_IXUSR)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def told(run: Path) -> dict:
    return json.loads((run / "told.json").read_text())


def test_images_come_as_they_were_sent_and_logits_go_back(run: Path, program: Path) -> None:
    seen = []

    def model(images: np.ndarray) -> np.ndarray:
        seen.append(images.copy())
        return np.stack([images[:, 0, 0, 0], images[:, 2, 3, 3]], axis=1)

    done = gauntlet.work(run, model, name="m", streams=2, batch=3, program=program)
    assert done.images == 10
    assert [len(images) for images in seen] == [3, 2, 3, 2]
    for number, images in enumerate(seen):
        expected = (np.arange(images.size) + number).astype(np.float32).reshape(-1, 4, 4, 3)
        np.testing.assert_array_equal(images, expected.transpose(0, 3, 1, 2))
    assert told(run)["answers"][1]["logits"] == [1.0, 48.0, 49.0, 96.0]
    arguments = told(run)["arguments"]
    assert arguments[arguments.index("--python-model") + 1] == "m"
    assert arguments[arguments.index("--batch") + 1] == "3"
    assert "model, Python" in arguments[arguments.index("--python-summary") + 1]


def test_the_other_layout_is_no_copy_and_cannot_be_written_to(run: Path, program: Path) -> None:
    def model(images: np.ndarray) -> np.ndarray:
        assert images.shape[1:] == (4, 4, 3)
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 0
        return np.zeros((len(images), 2))

    assert gauntlet.work(run, model, layout="NHWC", program=program).images == 10


def test_what_the_callable_raises_and_a_wrong_shape_are_answers(run: Path, program: Path) -> None:
    answers: list[Callable[[int], object]] = [
        lambda count: np.zeros((count, 3)), lambda count: 1 / 0, lambda count: np.zeros((count, 2)), lambda count: "text",
    ]  # fmt: skip
    gauntlet.work(run, lambda images: answers.pop(0)(len(images)), program=program)
    errors = [answer.get("error") for answer in told(run)["answers"]]
    assert errors[0] == "ValueError: the callable gave 3x3 values for 3 images, but the manifest says classes: 2"
    assert errors[1] == "ZeroDivisionError: division by zero"
    assert errors[2] is None
    assert errors[3].startswith("ValueError: could not convert")


def test_an_error_of_any_words_is_an_answer(run: Path, program: Path) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raised: list[Exception] = [ValueError("lone \ud800"), Odd(), ValueError("x" * 100_000), KeyError("é")]

    def model(images: np.ndarray) -> np.ndarray:
        raise raised.pop(0)

    gauntlet.work(run, model, program=program)
    errors = [answer["error"] for answer in told(run)["answers"]]
    assert errors[:2] == ["ValueError: lone ?", "Odd"]
    assert len(errors[2]) == 4000
    assert errors[3] == "KeyError: 'é'"


def test_a_program_that_cannot_be_started_leaves_nothing_open(run: Path, tmp_path: Path) -> None:
    (broken := tmp_path / "broken").write_text("no program")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(gauntlet.WorkError, match="cannot be started"):
        gauntlet.work(run, len, program=broken)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_signal_has_the_program_finish_what_is_at_hand(run: Path, program: Path) -> None:
    def model(images: np.ndarray) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGTERM)
        return np.zeros((len(images), 2))

    before = signal.getsignal(signal.SIGTERM)
    assert gauntlet.work(run, model, program=program).images >= 3
    assert told(run)["stopped"][0] == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_program_that_refuses_is_an_error(tmp_path: Path, program: Path) -> None:
    with pytest.raises(gauntlet.WorkError, match="exited with status 3"):
        gauntlet.work(tmp_path / "refuses", lambda images: images, program=program)


def test_what_cannot_be_meant_is_refused(run: Path, program: Path) -> None:
    with pytest.raises(TypeError, match="give model="):
        gauntlet.work(run)
    with pytest.raises(TypeError, match="either the run's folder"):
        gauntlet.work(run, len, connect="tcp://h:1", program=program)
    with pytest.raises(ValueError, match="layout"):
        gauntlet.work(run, len, layout="CHW", program=program)  # type: ignore[arg-type]
    with pytest.raises(gauntlet.WorkError, match="is not a program"):
        gauntlet.work(run, len, program=run / "nothing")


def test_descriptors_are_closed(run: Path, program: Path) -> None:
    gauntlet.work(run, lambda images: np.zeros((len(images), 2)), program=program)
    before = len(os.listdir("/proc/self/fd"))
    gauntlet.work(run, lambda images: np.zeros((len(images), 2)), program=program)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_module_is_called_as_pytorch_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as much of PyTorch as the package uses, since the package does not need it."""
    calls = []

    class Module:
        def eval(self) -> None:
            calls.append("eval")

        def parameters(self) -> list:
            return [SimpleNamespace(device=SimpleNamespace(type="cpu"), dtype=SimpleNamespace(is_floating_point=True))]

        def __call__(self, values: object) -> object:
            calls.append(values)
            tensor = SimpleNamespace(numpy=lambda: np.ones((2, 2)))
            return SimpleNamespace(logits=SimpleNamespace(float=lambda: SimpleNamespace(cpu=lambda: tensor)))

    class Mode:
        def __enter__(self) -> None:
            calls.append("inference")

        def __exit__(self, *_: object) -> None: ...

    torch = SimpleNamespace(
        nn=SimpleNamespace(Module=Module), inference_mode=Mode, __version__="9.9",
        from_numpy=lambda array: SimpleNamespace(to=lambda device, dtype: array.shape),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", torch)
    called = _work._Callable.of(Module(), "NCHW")
    assert called.call(np.zeros((2, 4, 4, 3), np.float32)).shape == (2, 2)
    assert calls == ["eval", "inference", (2, 3, 4, 4)]
    assert "Module" in called.summary
    assert "torch 9.9" in called.summary
