"""How to get the photos that most people train with."""

from __future__ import annotations

__all__ = ["HOW_TO_GET_COCO"]

HOW_TO_GET_COCO = """\
MS-COCO's photos (https://cocodataset.org; each under its photographer's Flickr licence) are the paper's training set.
rtstyle does not download them by itself. 118,287 photos, 18 GB:

    curl -LO http://images.cocodataset.org/zips/train2017.zip
    unzip -q train2017.zip

then give the folder: --content train2017. To begin with, val2017.zip has 5,000 photos and 1 GB.
Any other folder of a thousand photos or more will do: faces, streets, landscapes, rooms, what you want to paint."""
