"""The painter's long run: one transform net, its own styles in two stroke sizes, and a predictor for all others.

Every batch mixes own styles, each a vector that is learnt, with random paintings, whose vectors the predictor gives
(Ghiasi et al. 2017). What the net sees is spoilt as cameras and codecs do; the losses look at the clean photo. A second
pass of the moved, otherwise spoilt photo must give the same picture.

    python -m train.joint train/painter.json runs/painter [THREADS]

The folder gets `checkpoint.pt`, `log.jsonl`, `eval.jsonl`, sample sheets and `weights.safetensors` (the averaged
weights, small enough to be kept); the same command goes on from the checkpoint. A new folder begins with the config's
`start_weights` where that file exists, else with the shipped net.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engines.backends import open_engine
from engines.contract import EngineOptions, Picture
from engines.library import Library
from train.camera import camera_picture, sensor_noise, through_h264, through_jpeg
from train.checkpoint import load_checkpoint, save_checkpoint
from train.config import LossWeights
from train.data import Crops, list_pictures, read_rgb, write_rgb
from train.export import network_from_net_file
from train.loss_networks import STYLE_LAYERS, LossNetwork, loss_network
from train.losses import (
    _FRAME,
    _USUAL_SIZE,
    LossTerms,
    Motion,
    StyleTargets,
    content_features,
    draw_motion,
    gram_matrix,
    move,
    perceptual_terms,
    stability,
)
from train.networks import TransformNet, network
from train.predictor import PREDICTOR_SIDE, StylePredictor

__all__ = ["BOLD", "Draw", "FINE", "Joint", "JointConfig", "Targets", "main", "split_by_artist"]

FINE, BOLD = 0, 1
_SHORT_SIDES = (384, 768)
_MOST_OF_A_SIDE = 704
_SMALL = 256
"""Square side that a small reproduction is brought to before it is enlarged three times."""
_WIDTHS = (64, 128, 256, 512)
_TRIANGLES = [torch.triu_indices(c, c) for c in _WIDTHS]
_PACKED = sum(c * (c + 1) // 2 for c in _WIDTHS)
_STATISTICS = 2 * sum(_WIDTHS)
_SQUARED_255 = 255.0**2
_LOSS_SCALE = 1e-5
_AHEAD = 6


@dataclass(frozen=True, kw_only=True)
class JointConfig:
    content: str
    styles: str
    paintings: str
    own_paintings: dict[str, str]
    """Style name to a path below `paintings`: styles of our own beside those of the folder `styles`."""
    start_net: str = "fast"
    start_weights: str = ""
    """What an earlier run left as `weights.safetensors`."""
    steps: int = 200_000
    batch: int = 4
    own_share: float = 0.5
    size: int = 192
    net_rate: float = 4e-4
    vector_rate: float = 2e-3
    predictor_rate: float = 5e-4
    predicted_weight: float = 0.5
    """How much samples of random paintings count beside those of own styles."""
    warm_up: int = 200
    cool_down: int = 0
    """So many last steps bring the rates to 0 along half a cosine."""
    ema: float = 0.999
    content_weight: float = 1.0
    style_weight: float = 5.0
    variation_weight: float = 2.0
    stability_weight: float = 100.0
    robust_weight: float = 100.0
    statistics_weight: float = 2e3
    predictor_batch: int = 12
    held_out: int = 20
    held_out_paintings: int = 100
    bold_share: float = 0.4
    seed: int = 0
    store: str
    """Folder for the paintings' Gram matrices, some 2.4 GB: each is computed when it is first needed."""
    log_every: int = 20
    save_every: int = 250
    eval_every: int = 2000


def split_by_artist(paintings: list[Path], own: set[str], count: int) -> tuple[list[Path], list[Path]]:
    """Training paintings and about `count` held-out ones, whole artists, chosen by a digest of their names."""
    by_artist: dict[str, list[Path]] = {}
    for path in paintings:
        by_artist.setdefault(path.name.split("_")[0], []).append(path)
    known = {name.split("/")[-1].split("_")[0] for name in own} | {
        "vincent-van-gogh",
        "katsushika-hokusai",
        "edvard-munch",
        "wassily-kandinsky",
        "fernand-leger",
        "piet-mondrian",
        "robert-delaunay",
        "claude-monet",
        "j-m-w-turner",
        "william-turner",
        "henri-matisse",
        "francis-picabia",
        "sakai-hoitsu",
    }
    held: list[Path] = []
    for artist in sorted(by_artist, key=lambda a: hashlib.sha256(a.encode()).hexdigest()):
        if len(held) >= count:
            break
        if artist not in known and len(by_artist[artist]) <= 12:
            held += by_artist[artist]
    kept = set(held)
    return [p for p in paintings if p not in kept], sorted(held)


class Targets:
    """Gram matrices and statistics of paintings in two stroke sizes, computed when first asked for, kept on disk."""

    def __init__(self, folder: Path, paintings: list[Path], network: LossNetwork) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.paintings, self.network = paintings, network
        names = "\n".join(str(p) for p in paintings)
        key = hashlib.sha256((names + str(_SHORT_SIDES)).encode()).hexdigest()[:12]
        shape = (len(paintings), 2)
        self.packed = self._open(folder / f"grams-{key}.f32", (*shape, _PACKED))
        self.numbers = self._open(folder / f"numbers-{key}.f32", (*shape, _STATISTICS + 2))  # [.., weight, done]
        self._enlarger: Any = None

    @staticmethod
    def _open(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
        found: NDArray[Any] = np.memmap(path, np.float32, "r+" if path.exists() else "w+", shape=shape)
        return found

    def known(self, stroke: int) -> NDArray[Any]:
        return np.flatnonzero(self.numbers[:, stroke, -1] > 0)

    def get(self, index: int, stroke: int) -> tuple[dict[str, Tensor], float, Tensor]:
        """Gram matrices `(c, c)` by layer, weight, and the fine statistics `(k,)`."""
        if not self.numbers[index, stroke, -1]:
            self._measure(index, stroke)
        packed = torch.from_numpy(np.array(self.packed[index, stroke]))
        grams, at = {}, 0
        for layer, c, (rows, columns) in zip(STYLE_LAYERS, _WIDTHS, _TRIANGLES, strict=True):
            n = c * (c + 1) // 2
            gram = torch.zeros(c, c)
            gram[rows, columns] = packed[at : at + n]
            gram[columns, rows] = packed[at : at + n]
            grams[layer], at = gram, at + n
        row = self.numbers[index, stroke]
        return grams, float(row[-2]), torch.from_numpy(np.array(row[:_STATISTICS]))

    def statistics(self, index: int) -> Tensor:
        """Means and deviations of the loss network's features for fine strokes, `(k,)`."""
        if not self.numbers[index, FINE, -1]:
            self._measure(index, FINE)
        return torch.from_numpy(np.array(self.numbers[index, FINE, :_STATISTICS]))

    @torch.no_grad()
    def _measure(self, index: int, stroke: int) -> None:
        picture = self.picture(index, stroke)
        with torch.autocast("cpu", torch.bfloat16):
            features = self.network(picture, STYLE_LAYERS)
        grams = [gram_matrix(features[layer].float()) for layer in STYLE_LAYERS]
        size = sum(float(g.square().mean()) for g in grams)
        self.packed[index, stroke] = np.concatenate(
            [g[0][r, c].numpy() for g, (r, c) in zip(grams, _TRIANGLES, strict=True)]
        )
        flat = [features[layer].float().flatten(2) for layer in STYLE_LAYERS]
        statistics = torch.cat([part for f in flat for part in (f.mean(2)[0], f.std(2)[0])])
        self.numbers[index, stroke, :_STATISTICS] = statistics.numpy()
        self.numbers[index, stroke, -2] = (_USUAL_SIZE / max(size, 1e-3)) ** 0.5
        self.numbers[index, stroke, -1] = 1

    def picture(self, index: int, stroke: int) -> Tensor:
        """float `(1, 3, h, w)` in 0..1, without its frame, at the scale of the strokes."""
        picture = read_rgb(self.paintings[index])
        assert picture is not None, self.paintings[index]
        height, width = picture.shape[:2]
        top, left = round(height * _FRAME), round(width * _FRAME)
        picture = np.ascontiguousarray(picture[top : height - top, left : width - left])
        short = _SHORT_SIDES[stroke]
        if stroke == BOLD:
            picture = self._enlarged(picture, short)
        scale = short / min(picture.shape[:2])
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method)
        if stroke == BOLD:
            h, w = resized.shape[:2]
            most_h, most_w = min(h, _MOST_OF_A_SIDE), min(w, _MOST_OF_A_SIDE)
            y, x = (h - most_h) // 2, (w - most_w) // 2
            resized = resized[y : y + most_h, x : x + most_w]
        return torch.from_numpy(np.ascontiguousarray(resized)).permute(2, 0, 1)[None].float() / 255

    def _enlarged(self, picture: NDArray[Any], short: int) -> NDArray[Any]:
        """Small reproductions get sharp edges from an upscaling net: strokes of a blurred painting are blurred."""
        height, width = picture.shape[:2]
        side = min(height, width)
        if short / side < 1.5:
            return picture
        y, x = (height - side) // 2, (width - side) // 2
        middle = cv2.resize(picture[y : y + side, x : x + side], (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
        if self._enlarger is None:
            net = Library().net("sr3-perceptual")
            self._enlarger = open_engine(net, (_SMALL, _SMALL), options=EngineOptions(precision="bf16", cache=None))
        self._enlarger.submit(np.ascontiguousarray(middle))
        enlarged: Picture = self._enlarger.collect()
        return enlarged


@dataclass
class Draw:
    """One step's data, read ahead by a thread."""

    clean: Tensor
    first: Tensor
    second: Tensor
    """uint8 `(n, 3, s, s)`: the photo, and two versions of it."""
    robust: Tensor
    """float `(n,)`: 1 where the two versions are spoilt in different ways."""
    styles: NDArray[Any]
    strokes: NDArray[Any]
    sheets: Tensor
    """uint8 `(k, 3, 256, 256)`: paintings for the predictor, the batch's own first."""
    which: NDArray[Any]


class Joint:
    def __init__(self, folder: Path, config: JointConfig) -> None:
        self.folder, self.config = folder, config
        photos = list_pictures(Path(config.content))
        self.photos, self.held_photos = photos[: -config.held_out], photos[-config.held_out :]
        root = Path(config.paintings)
        own = list_pictures(Path(config.styles)) + [root / p for p in config.own_paintings.values()]
        self.names = [p.stem for p in list_pictures(Path(config.styles))] + list(config.own_paintings)
        mine = set(own)
        others = [p for p in list_pictures(root) if p not in mine]
        train, self.held_paintings = split_by_artist(
            others, set(config.own_paintings.values()), config.held_out_paintings
        )
        self.paintings = own + train
        self.loss_network = loss_network("vgg19")
        self.loss_network.convs.to(torch.bfloat16)
        everything = self.paintings + self.held_paintings
        self.targets = Targets(Path(config.store), everything, self.loss_network)
        self.weights = LossWeights(
            content=config.content_weight, style=config.style_weight, variation=config.variation_weight, stability=0.0
        )
        torch.manual_seed(config.seed)
        file = Library().net(config.start_net)
        self.net: TransformNet = network_from_net_file(file)
        styles = {
            s.name: torch.from_numpy(s.vector.copy())
            for s in (Library().style(n, file) for n in Library().styles_of(file))
        }
        renamed = {"great-wave": "wave", "hoitsu-flowers": "gold-blossom", "peasant-red-chalk": "red-chalk"}
        mean = torch.stack(list(styles.values())).mean(0)
        rows = torch.stack([styles.get(renamed.get(n, n), mean) for n in self.names])
        self.vectors = nn.Parameter(torch.stack([rows, rows], 1))  # (styles, 2, d)
        self.predictor = StylePredictor(self.net.style_length, _STATISTICS)
        self.predictor.start_from(mean, mean)
        for module in (self.net, self.predictor):
            module.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.net.parameters()), "rate": config.net_rate},
                {"params": [self.vectors], "rate": config.vector_rate},
                {
                    "params": [p for n, p in self.predictor.named_parameters() if n != "middle"],
                    "rate": config.predictor_rate,
                },
                {"params": [self.predictor.middle], "rate": config.vector_rate},
            ],
            lr=1e-4,
        )
        self.step = 0
        self.ema = {k: v.detach().clone() for k, v in self._weights().items()}
        self.crops = Crops(self.photos, size=config.size, styles=1, seed=config.seed)

    def _weights(self) -> dict[str, Tensor]:
        found = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        found |= {f"predictor.{k}": v for k, v in self.predictor.state_dict().items() if v.is_floating_point()}
        found["vectors"] = self.vectors.detach()
        return found

    def resume(self) -> bool:
        state = load_checkpoint(self.folder / "checkpoint.pt")
        if state is None:
            self._start_from(Path(self.config.start_weights))
            return False
        if state["names"] != self.names:
            raise SystemExit(f"the checkpoint has the styles {state['names']}, the config {self.names}")
        self.net.load_state_dict(state["net"])
        self.predictor.load_state_dict(state["predictor"])
        with torch.no_grad():
            self.vectors.copy_(state["vectors"])
        self.ema = state["ema"]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, rate in zip(
            self.optimizer.param_groups,
            (self.config.net_rate, self.config.vector_rate, self.config.predictor_rate, self.config.vector_rate),
            strict=True,
        ):
            group["rate"] = rate
        self.step = state["step"]
        return True

    @torch.no_grad()
    def _start_from(self, path: Path) -> None:
        """Begin with the averaged weights of an earlier run; what it does not have stays as it is."""
        if not path.is_file():
            return
        found = load_file(path)
        own = self._weights() | {"vectors": self.vectors}
        for name, value in found.items():
            own[name].copy_(value.float())
        self.ema = {k: v.detach().clone() for k, v in self._weights().items()}

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights in half precision without what is only learnt beside."""
        kept = {k: v.half().contiguous() for k, v in self.ema.items() if not k.startswith("predictor.statistics")}
        save_file(kept, self.folder / "weights.safetensors")
        save_checkpoint(
            self.folder / "checkpoint.pt",
            {
                "names": self.names,
                "net": self.net.state_dict(),
                "predictor": self.predictor.state_dict(),
                "vectors": self.vectors.detach(),
                "ema": self.ema,
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
            },
        )

    def draw(self, step: int) -> Draw:
        c = self.config
        rng = np.random.default_rng((c.seed, 77, step))
        crops = [self.crops[step * c.batch + i].pictures[0].permute(1, 2, 0).numpy() for i in range(c.batch)]
        first, second, robust = [], [], []
        for crop in crops:
            way = rng.random()
            if way < 0.35:
                one, other, differs = crop, camera_picture(crop, rng), 1.0
            elif way < 0.75:
                one, other, differs = camera_picture(crop, rng), crop, 1.0
            else:
                one, other, differs = crop, crop, 0.0
            first.append(one)
            second.append(other)
            robust.append(differs)
        own = round(c.batch * c.own_share)
        count = len(self.names)
        styles = np.concatenate([rng.integers(0, count, own), rng.integers(count, len(self.paintings), c.batch - own)])
        strokes = (rng.random(c.batch) < c.bold_share).astype(int)
        which = list(styles[own:])
        known = self.targets.known(FINE)
        known = known[known < len(self.paintings)]
        if len(known):
            which += list(rng.choice(known, c.predictor_batch - len(which)))
        sheets = [_sheet(self.paintings[i], rng) for i in which]
        return Draw(
            _stacked(crops),
            _stacked(first),
            _stacked(second),
            torch.tensor(robust),
            styles,
            strokes,
            _stacked(sheets),
            np.array(which),
        )

    def train_step(self, draw: Draw) -> dict[str, float]:
        c = self.config
        own = round(c.batch * c.own_share)
        clean, first, second = _floats(draw.clean), _floats(draw.first), _floats(draw.second)
        found = [self.targets.get(int(i), int(s)) for i, s in zip(draw.styles, draw.strokes, strict=True)]
        targets = StyleTargets(
            grams={layer: torch.stack([f[0][layer] for f in found]) for layer in STYLE_LAYERS},
            weights=torch.tensor([min(f[1], 3.0) for f in found]),
        )
        generator = torch.Generator().manual_seed(c.seed * 1_000_003 + self.step)
        motion = draw_motion(tuple(first.shape), generator)
        motion = Motion(
            shifts=motion.shifts, noise=motion.noise * torch.rand(c.batch, 1, 1, 1, generator=generator) * 2
        )
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * self._schedule()
        self.optimizer.zero_grad(set_to_none=True)
        wanted = _compress(torch.stack([self.targets.statistics(int(i)) for i in draw.which]))
        if self.step == 0:  # a bias would take thousands of steps to get there
            with torch.no_grad():
                self.predictor.statistics.bias.copy_(wanted.mean(0))
                self.predictor.statistics.weight.mul_(0.1)
        self.predictor.train()
        fine, bold, statistics = self.predictor(_floats(draw.sheets))
        predicted = torch.stack([fine, bold], 1)
        vectors = torch.cat(
            [
                self.vectors[torch.from_numpy(draw.styles[:own]), torch.from_numpy(draw.strokes[:own])],
                predicted[torch.arange(c.batch - own), torch.from_numpy(draw.strokes[own:])],
            ]
        )
        with torch.autocast("cpu", torch.bfloat16):
            painted = self.net(first, vectors)
            content = content_features(clean, self.loss_network)
            terms = perceptual_terms(
                painted,
                content,
                torch.arange(c.batch),
                targets=targets,
                loss_network=self.loss_network,
                weights=self.weights,
            )
            again = self.net(move(second, motion), vectors)
        steady = stability(painted.float(), again.float(), motion.shifts) * _SQUARED_255
        weight = torch.where(draw.robust > 0, c.robust_weight, c.stability_weight)
        off = (statistics - wanted).square().mean(1)
        perceptual = terms.content + terms.style + terms.variation
        counts = torch.tensor([1.0] * own + [c.predicted_weight] * (c.batch - own))
        total = ((perceptual + weight * steady) * counts).mean() + c.statistics_weight * off.mean()
        (total * _LOSS_SCALE).backward()
        norm = nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups[:2] for p in g["params"]], 20.0)
        norm_predictor = nn.utils.clip_grad_norm_(list(self.predictor.parameters()), 5.0)
        if norm.isfinite() and norm_predictor.isfinite():
            self.optimizer.step()
            self.net.settle()
            decay = min(c.ema, (1 + self.step) / (20 + self.step))
            with torch.no_grad():
                for name, value in self._weights().items():
                    self.ema[name].lerp_(value, 1 - decay)
        self.step += 1
        style = terms.style.detach()
        robust = draw.robust > 0
        return {
            "content": _mean(terms.content.detach()),
            "style_own": _mean(style[:own]),
            "style_predicted": _mean(style[own:]),
            "variation": _mean(terms.variation.detach()),
            "stability": _mean(steady.detach()[~robust]),
            "robust": _mean(steady.detach()[robust]),
            "statistics": _mean(off.detach()),
            "norm": float(norm),
            "norm_predictor": float(norm_predictor),
        }

    def _schedule(self) -> float:
        c = self.config
        rate = min(1.0, (self.step + 1) / c.warm_up)
        left = c.steps - self.step
        if c.cool_down and left < c.cool_down:
            rate *= 0.5 * (1 - float(np.cos(np.pi * left / c.cool_down)))
        return rate

    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        """The averaged net on held-out photos: all own styles, and predictions for held-out paintings."""
        net = network(self.net.name)
        net.load_state_dict({k[4:]: v for k, v in self.ema.items() if k.startswith("net.")})
        net.eval().to(memory_format=torch.channels_last)
        predictor = self.predictor
        predictor.eval()
        kept = {k: v.clone() for k, v in predictor.state_dict().items()}
        predictor.load_state_dict({k[10:]: v for k, v in self.ema.items() if k.startswith("predictor.")}, strict=False)
        photos = _squares(self.held_photos[::5], 256)
        spoilt = [_squares(self.held_photos[::5], 256, way) for way in ("h264", "mjpeg", "noise")]
        clean = _floats(photos.permute(0, 3, 1, 2))
        n = len(clean)
        result: dict[str, Any] = {"step": self.step}

        def terms_of(vector: Tensor, index: int, stroke: int) -> tuple[LossTerms, Tensor]:
            grams, weight, _ = self.targets.get(index, stroke)
            targets = StyleTargets(grams={k: v[None] for k, v in grams.items()}, weights=torch.tensor([weight]))
            with torch.autocast("cpu", torch.bfloat16):
                painted = net(clean, vector.expand(n, -1)).clamp(0, 1).float()
                content = content_features(clean, self.loss_network)
                t = perceptual_terms(
                    painted,
                    content,
                    torch.zeros(n, dtype=torch.long),
                    targets=targets,
                    loss_network=self.loss_network,
                    weights=self.weights,
                )
            return t, painted

        for stroke, label in ((FINE, "fine"), (BOLD, "bold")):
            objectives: dict[str, float] = {}
            styles: list[float] = []
            differences: list[list[float]] = [[], [], []]
            for row, name in enumerate(self.names):
                vector = self.ema["vectors"][row, stroke]
                t, painted = terms_of(vector, row, stroke)
                objectives[name] = round(float((t.content + t.style + t.variation).mean()) / 1000, 1)
                styles.append(float(t.style.mean()) / 1000)
                if stroke == FINE and row % 3 == 0:
                    for number, pictures in enumerate(spoilt):
                        with torch.autocast("cpu", torch.bfloat16):
                            other = net(_floats(pictures.permute(0, 3, 1, 2)), vector.expand(n, -1)).clamp(0, 1).float()
                        differences[number].append(float((painted - other).abs().mean() * 255))
            shipped = list(objectives.values())[:13]
            result[label] = {
                "objective13": round(float(np.mean(shipped)), 1),
                "style13": round(float(np.mean(styles[:13])), 1),
                "new5": round(float(np.mean(list(objectives.values())[13:])), 1),
                "by_style": objectives,
            }
            if stroke == FINE:
                result["difference"] = [round(float(np.mean(d)), 2) for d in differences]
        losses, floor = [], []
        for number in range(0, len(self.held_paintings), max(1, len(self.held_paintings) // 16)):
            path = self.held_paintings[number]
            sheet = (
                torch.from_numpy(_sheet(path, None))
                .permute(2, 0, 1)[None]
                .contiguous(memory_format=torch.channels_last)
                .float()
                / 255
            )
            fine, _, _ = predictor(sheet)
            index = len(self.paintings) + number
            losses.append(float(terms_of(fine[0], index, FINE)[0].style.mean()) / 1000)
            floor.append(
                min(
                    float(terms_of(self.ema["vectors"][row, FINE], index, FINE)[0].style.mean()) / 1000
                    for row in (0, 7, 12)
                )
            )
        result["predicted"] = {
            "style_median": round(float(np.median(losses)), 1),
            "style_mean": round(float(np.mean(losses)), 1),
            "three_shipped_best": round(float(np.median(floor)), 1),
        }
        predictor.load_state_dict(kept)
        self._samples(net)
        return result

    @torch.no_grad()
    def _samples(self, net: TransformNet) -> None:
        photos = _squares(self.held_photos[2:20:6], 256)
        rows = []
        for photo in photos:
            x = photo.permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last).float() / 255
            for stroke in (FINE, BOLD):
                tiles = [photo.numpy()]
                for row in range(len(self.names)):
                    painted = net(x, self.ema["vectors"][row, stroke][None]).clamp(0, 1) * 255
                    tiles.append(painted[0].permute(1, 2, 0).round().to(torch.uint8).numpy())
                rows.append(np.hstack(tiles))
        write_rgb(self.folder / f"samples-{self.step:06d}.png", np.vstack(rows))
        photo = photos[1]
        x = photo.permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last).float() / 255
        columns = []
        for number in range(0, len(self.held_paintings), max(1, len(self.held_paintings) // 10)):
            sheet = _sheet(self.held_paintings[number], None, square=True)
            full = torch.from_numpy(_sheet(self.held_paintings[number], None)).permute(2, 0, 1)[None].float() / 255
            fine, bold, _ = self.predictor(full.contiguous(memory_format=torch.channels_last))
            painted = [
                (net(x, v).clamp(0, 1) * 255)[0].permute(1, 2, 0).round().to(torch.uint8).numpy() for v in (fine, bold)
            ]
            columns.append(np.vstack([sheet, *painted]))
        write_rgb(self.folder / f"predicted-{self.step:06d}.png", np.hstack(columns))

    def go(self) -> None:
        stop: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda s, _f: stop.append(s))
        pool = ThreadPoolExecutor(1)
        ahead: deque[Future[Draw]] = deque()
        next_step, began, first = self.step, time.monotonic(), self.step
        totals: dict[str, list[float]] = {}
        if self.step == 0 and not (self.folder / "eval.jsonl").exists():
            self._note("eval.jsonl", self.evaluate())
        while self.step < self.config.steps and not stop:
            while len(ahead) < _AHEAD:
                ahead.append(pool.submit(self.draw, next_step))
                next_step += 1
            for name, value in self.train_step(ahead.popleft().result()).items():
                if np.isfinite(value):
                    totals.setdefault(name, []).append(value)
            if self.step % self.config.log_every == 0:
                pace = (time.monotonic() - began) / (self.step - first)
                self._note(
                    "log.jsonl",
                    {
                        "step": self.step,
                        **{k: round(float(np.mean(v)), 4) for k, v in totals.items()},
                        "s": round(pace, 2),
                    },
                )
                totals = {}
            if self.step % self.config.save_every == 0:
                self.save()
            if self.step % self.config.eval_every == 0:
                self._note("eval.jsonl", self.evaluate())
        self.save()
        pool.shutdown(cancel_futures=True)

    def _note(self, file: str, values: dict[str, Any]) -> None:
        with (self.folder / file).open("a", encoding="utf-8") as out:
            out.write(json.dumps(values) + "\n")
        print(json.dumps(values), flush=True)  # noqa: T201


def _floats(pictures: Tensor) -> Tensor:
    """uint8 `(n, 3, h, w)` to float in 0..1, channels_last."""
    return pictures.contiguous(memory_format=torch.channels_last).float() / 255


def _stacked(pictures: list[Picture]) -> Tensor:
    """uint8 `(n, 3, h, w)`."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


def _mean(values: Tensor) -> float:
    return float(values.mean()) if values.numel() else float("nan")


def _compress(statistics: Tensor) -> Tensor:
    """Statistics from 0 to some thousands, as numbers that are alike in size."""
    return (statistics.clamp_min(0) + 1).log()


def _sheet(path: Path, rng: np.random.Generator | None, *, square: bool = False) -> NDArray[Any]:
    """A painting for the predictor: a random crop of most of it, 256x256; without `rng`, all of it."""
    picture = read_rgb(path)
    assert picture is not None, path
    h, w = picture.shape[:2]
    side = PREDICTOR_SIDE
    if rng is None:
        if square:
            return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        scale = side / min(h, w)
        size = tuple(min(2 * side, round(x * scale)) for x in (w, h))
        return np.asarray(
            cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8
        )
    crop = max(32, round(min(h, w) * rng.uniform(0.8, 1.0)))
    y, x = rng.integers(h - crop + 1), rng.integers(w - crop + 1)
    part = picture[y : y + crop, x : x + crop]
    return np.asarray(
        cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA if crop > side else cv2.INTER_CUBIC), np.uint8
    )


def _squares(paths: list[Path], side: int, spoil: str | None = None) -> Tensor:
    """uint8 `(n, side, side, 3)`: the middle of each photo, spoilt in a given way."""
    found = []
    for number, path in enumerate(paths):
        picture = read_rgb(path)
        if picture is None:
            continue
        h, w = picture.shape[:2]
        s = min(h, w)
        middle = picture[(h - s) // 2 : (h + s) // 2, (w - s) // 2 : (w + s) // 2]
        x = np.asarray(cv2.resize(middle, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        if spoil == "h264":
            x = through_h264(x, 35)
        elif spoil == "mjpeg":
            x = through_jpeg(x, 50)
        elif spoil == "noise":
            x = sensor_noise(x, 8, np.random.default_rng(number))
        found.append(x)
    return torch.from_numpy(np.stack(found))


def main() -> None:
    config_file, folder, *threads = sys.argv[1:]
    config = JointConfig(**json.loads(Path(config_file).read_text(encoding="utf-8")))
    torch.set_num_threads(int(threads[0]) if threads else 2)
    Path(folder).mkdir(parents=True, exist_ok=True)
    run = Joint(Path(folder), config)
    print(  # noqa: T201 (a program of its own)
        "resumed" if run.resume() else "begun",
        run.step,
        len(run.photos),
        len(run.paintings),
        len(run.held_paintings),
        flush=True,
    )
    run.go()


if __name__ == "__main__":
    main()
