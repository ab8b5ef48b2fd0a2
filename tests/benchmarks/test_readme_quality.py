from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import stability, steps, styles, upscaling


def _write(folder: Path, name: str, figures: dict[str, object]) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"machine": {}, **figures}))


def _score(method: str, psnr: float) -> dict[str, object]:
    return {"method": method, "dataset": "Set5", "psnr": psnr, "distances": {"LPIPS": psnr / 100, "VGG-19": 0}}


def test_upscalers_in_int8_beside_the_published_ones_and_what_int8_costs(tmp_path: Path) -> None:
    for scale, loss in ((2, 0.01), (3, 0.034), (4, 0.02)):
        ours = [
            _score(f"sr{scale}-{mode} {precision}", 30 - (loss if precision == "int8" else 0))
            for mode in ("fidelity", "perceptual")
            for precision in ("f32", "int8")
        ]
        published = {**_score("SRCNN", 29.5), "distances": None}
        _write(tmp_path, f"quality-sr{scale}", {"scores": [_score("bicubic", 28), *ours, published]})
    _write(tmp_path, "quality-sr4-as-video", {"scores": [_score("bicubic", 25), *ours]})
    lines = upscaling(tmp_path).splitlines()
    assert lines[3] == "| x3 Set5 | 28.00 | 29.50 |  | 29.97 | 29.97 | 0.280 | 0.300 | 0.300 |"
    assert lines[5].startswith("| x4 Set5, spoilt as video is | 25.00 |  |  | 29.98 |")
    assert lines[-1] == "Ours in int8, at most 0.03 dB below what they have in f32."


def test_styles_beside_steps_of_lbfgs(tmp_path: Path) -> None:
    def row(of_fast: float, alike: float | None) -> dict[str, object]:
        objective = {
            "photo": 9e5,
            "fast f32": of_fast,
            "fast int8": of_fast * 1.01,
            "micro f32": 4e5,
            "micro int8": 4e5,
        }
        return {
            "objective": objective,
            "lbfgs": {"0": 2e6, "50": 5e5, "100": 2e5},
            "lbfgs_steps_alike": {"fast f32": 7, "fast int8": alike, "micro f32": 60, "micro int8": 60},
        }

    _write(
        tmp_path,
        "quality-styles",
        {
            "photos": 1,
            "size": 256,
            "styles": {"wave": row(3e5, 83.4), "udnie": row(1e5, None), "scream": row(6e5, 50)},
            "times": {"fast int8": {"256": {"ratio": 9000.4}, "512": {"ratio": 8000.0}}, "micro int8": {}},
        },
    )
    lines = styles(tmp_path).splitlines()
    assert lines[0] == (
        "| style | the photo itself | `fast` | `micro` | L-BFGS, 50 steps | L-BFGS, 100 steps | `fast` is as good as |"
    )
    assert lines[2] == "| wave | 900 | 303 | 400 | 500 | 200 | 83 steps |"
    assert lines[3].endswith(" | more than 100 steps |")
    assert lines[4].endswith(" | 50 steps or fewer |")
    assert lines[-4].startswith("In thousands, the mean of one photo of 256x256")
    assert lines[-3] == "at most 1.0 % above f32."
    assert lines[-1] == "500 steps of L-BFGS take 9,000, 8,000 times as long as `fast` at 256, 512 pixels a side."


def test_warping_errors_by_net(tmp_path: Path) -> None:
    _write(
        tmp_path, "stability", {"mean": {"input": 0.01, "fast wave": 0.03, "fast udnie": 0.04, "a b/x.onnx wave": 0.05}}
    )
    lines = stability(tmp_path).splitlines()
    assert lines[2:] == ["| `fast` | 0.0354 | 3.5 | 3.0 to 4.0 |", "| `a b/x.onnx` | 0.0500 | 5.0 | 5.0 to 5.0 |"]


def test_objectives_of_nets_styles_together(tmp_path: Path) -> None:
    rows = [
        {"objective": {"photo": 9e5, "100/fast.onnx": 3e5, "fast": 2e5}, "style": {"100/fast.onnx": 2e5, "fast": 1e5}},
        {"objective": {"photo": 9e5, "100/fast.onnx": 5e5, "fast": 3e5}, "style": {"100/fast.onnx": 3e5, "fast": 1e5}},
    ]
    _write(tmp_path, "quality-nets", {"photos": 20, "styles": dict(zip(("wave", "udnie"), rows, strict=True))})
    lines = steps(tmp_path).splitlines()
    assert lines[0] == "| net | objective, mean of 20 photos and 2 styles | style's part of it |"
    assert lines[2:] == ["| `100/fast.onnx` | 400 | 250 |", "| `fast` | 250 | 100 |"]
