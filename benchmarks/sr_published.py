"""Figures of small upscalers in the literature, PSNR in dB and SSIM on luma."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PUBLISHED", "Published"]


class Published(NamedTuple):
    """One cell of a paper's table."""

    method: str
    dataset: str
    scale: int
    psnr: float
    ssim: float | None
    source: str


_SRCNN = "Dong et al. 2016 (TPAMI), as in Kim et al. 2016 (VDSR), table 3"
_FSRCNN = "Dong, Loy, Tang 2016 (ECCV), trained on 91 + 100 pictures"
_ESPCN = "Shi et al. 2016 (CVPR), trained on ImageNet"

PUBLISHED = (
    Published("SRCNN", "Set5", 2, 36.66, 0.9542, _SRCNN),
    Published("SRCNN", "Set5", 3, 32.75, 0.9090, _SRCNN),
    Published("SRCNN", "Set5", 4, 30.48, 0.8628, _SRCNN),
    Published("SRCNN", "Set14", 2, 32.42, 0.9063, _SRCNN),
    Published("SRCNN", "Set14", 3, 29.28, 0.8209, _SRCNN),
    Published("SRCNN", "Set14", 4, 27.49, 0.7503, _SRCNN),
    Published("SRCNN", "BSD100", 2, 31.36, 0.8879, _SRCNN),
    Published("SRCNN", "BSD100", 3, 28.41, 0.7863, _SRCNN),
    Published("SRCNN", "BSD100", 4, 26.90, 0.7101, _SRCNN),
    Published("SRCNN", "Urban100", 2, 29.50, 0.8946, _SRCNN),
    Published("SRCNN", "Urban100", 3, 26.24, 0.7989, _SRCNN),
    Published("SRCNN", "Urban100", 4, 24.52, 0.7221, _SRCNN),
    Published("FSRCNN", "Set5", 2, 37.00, None, _FSRCNN),
    Published("FSRCNN", "Set5", 3, 33.16, None, _FSRCNN),
    Published("FSRCNN", "Set5", 4, 30.71, 0.8657, _FSRCNN),
    Published("FSRCNN", "Set14", 4, 27.59, 0.7535, _FSRCNN),
    Published("ESPCN", "Set5", 3, 33.13, None, _ESPCN),
    Published("ESPCN", "Set5", 4, 30.90, None, _ESPCN),
    Published("ESPCN", "Set14", 3, 29.49, None, _ESPCN),
    Published("ESPCN", "Set14", 4, 27.73, None, _ESPCN),
)
