#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Molmo's crops of a JPEG by Pillow, torchvision and NumPy: processor time of one core, beside `molmo bench preprocess`.

Usage: torchvision_preprocess_peer.py IMAGE [--repeats N]
  IMAGE      what `molmo bench preprocess --dump IMAGE` has written
Needs torch, torchvision, numpy and pillow in a virtual environment of its own. The settings are those of molmo-7b-d: CLIP's
resize (antialiased bilinear on float pixels, fitted and padded), an overview and up to twelve tiles of 336 pixels that overlap by
112, patches of 14 pixels, cells of 2x2 patches with column tokens. No text: the example is the crops and the picture's tokens.
"""
import argparse
import sys
import time

try:
    import numpy as np
    import torch
    from PIL import Image, ImageOps
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import resize
except ImportError as error:
    print(f"skipped: {error}; see --help")
    sys.exit(0)

SIDE, PATCH, MARGIN, POOL, MOST_TILES = 336, 14, 4, 2, 12
WINDOW = SIDE // PATCH - 2 * MARGIN  # patches that a tile adds
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
START, END, CELL, COLUMN = range(152064, 152068)


def load(path):
    with Image.open(path) as image:
        return np.array(ImageOps.exif_transpose(image.convert("RGB")))


def fit_and_pad(pixels, height, width):
    """[H, W, 3] uint8 -> normalised [height, width, 3] float32, and where there is picture."""
    scale = min(np.float32(height) / np.float32(pixels.shape[0]), np.float32(width) / np.float32(pixels.shape[1]))
    fitted = [int(np.float32(side) * scale) for side in pixels.shape[:2]]
    planes = torch.from_numpy(pixels).permute(2, 0, 1).to(torch.float32) / 255
    planes = resize(planes, fitted, InterpolationMode.BILINEAR, antialias=True).clamp(0.0, 1.0)
    top, left = (height - fitted[0]) // 2, (width - fitted[1]) // 2
    borders = [[top, height - fitted[0] - top], [left, width - fitted[1] - left]]
    padded = np.pad(planes.permute(1, 2, 0).numpy(), borders + [[0, 0]])
    return (padded - MEAN) / STD, np.pad(np.ones(fitted, bool), borders)


def choose_tiling(height, width):
    options = sorted(((i, j) for i in range(1, MOST_TILES + 1) for j in range(1, MOST_TILES + 1) if i * j <= MOST_TILES),
                     key=lambda tiling: (tiling[0] * tiling[1], tiling[0]))
    sizes = np.array(options, np.float32) * (WINDOW * PATCH)
    inner = np.array([height - 2 * MARGIN * PATCH, width - 2 * MARGIN * PATCH], np.float32)
    with np.errstate(divide="ignore"):
        scales = (sizes / inner).min(axis=1)
    return options[scales.argmax() if (scales < 1).all() else np.where(scales < 1, 1e10, scales).argmin()]


def patches_of(crop):
    """[336, 336, C] -> [576, 14 * 14 * C]"""
    grid = SIDE // PATCH
    return crop.reshape(grid, PATCH, grid, PATCH, -1).transpose(0, 2, 1, 3, 4).reshape(grid * grid, -1)


def kept(tile, count):
    """The cells of a tile that count, along one axis."""
    start = 0 if tile == 0 else MARGIN // POOL
    patches = WINDOW + MARGIN * (tile == 0) + MARGIN * (tile == count - 1)
    return start, -(-patches // POOL)


def make_crops(pixels):
    """-> patches [1 + tiles, 576, 588], masks [1 + tiles, 576], places of cells [1 + tiles, 144], tokens"""
    rows, columns = choose_tiling(*pixels.shape[:2])
    step, border, cells = WINDOW * PATCH, 2 * MARGIN * PATCH, SIDE // PATCH // POOL
    canvas, is_picture = fit_and_pad(pixels, rows * step + border, columns * step + border)
    overview, _ = fit_and_pad(pixels, SIDE, SIDE)
    crops, masks = [patches_of(overview)], []
    places = [1 + np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)[None, :]]
    first = 2 + cells * (cells + 1)
    grid_width = sum(kept(j, columns)[1] for j in range(columns))
    row_of_grid = 0
    for i in range(rows):
        start_i, count_i = kept(i, rows)
        column_of_grid = 0
        for j in range(columns):
            start_j, count_j = kept(j, columns)
            window = np.s_[i * step:i * step + SIDE, j * step:j * step + SIDE]
            crops.append(patches_of(canvas[window]))
            masks.append(patches_of(is_picture[window]).astype(np.float32).mean(axis=1))
            own = np.full((cells, cells), -100)
            own[start_i:start_i + count_i, start_j:start_j + count_j] = (
                first + 1 + (row_of_grid + np.arange(count_i))[:, None] * (grid_width + 1)
                + column_of_grid + np.arange(count_j)[None, :])
            places.append(own)
            column_of_grid += count_j
        row_of_grid += count_i
    masks.append(np.full(len(crops[0]), -1, np.float32))
    block = lambda height, width: [START] + ([CELL] * width + [COLUMN]) * height + [END]
    tokens = np.array(block(cells, cells) + block(row_of_grid, grid_width))
    return np.stack(crops), np.stack(masks), np.stack([place.reshape(-1) for place in places]), tokens


def best_ms(repeats, run):
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return 1e3 * min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pixels = load(options.image)
    num_crops = len(make_crops(pixels)[0])
    decode, crops = best_ms(options.repeats, lambda: load(options.image)), best_ms(options.repeats, lambda: make_crops(pixels))
    print(f"{pixels.shape[1]}x{pixels.shape[0]} JPEG, {num_crops} crops, torchvision and NumPy, processor time of one core")
    print(f"decode         {decode:7.2f} ms\ncrops          {crops:7.2f} ms\nboth           {decode + crops:7.2f} ms")


if __name__ == "__main__":
    main()
