#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data.jsonl (docs/data.md) beside pictures from a table of points (CSV) or of boxes (COCO's JSON).

A CSV file has a head with the columns image, label, and x, y (a point in pixels) or x0, y0, x1, y1 (a box, whose middle is the
point) or all of them; one line per thing. A line without numbers says that the picture has none of the label. File names are
relative to the folder of the pictures.

Evaluation counts a predicted point as a hit where it lies in the box; points without one get a square of --radius pixels.
"""
import argparse
import collections
import csv
import json
import pathlib
import random
import sys


def fail(message):
    sys.exit(f"[import_points] {message}")


def number(text, where):
    try:
        return float(text)
    except ValueError:
        fail(f"{where}: got '{text}', expected a number")


def read_csv(path):
    """Yields (image, label, point or None, box or None)."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = set(reader.fieldnames or [])
        if not {"image", "label"} <= columns or not ({"x", "y"} <= columns or {"x0", "y0", "x1", "y1"} <= columns):
            fail(f"{path}: got columns {', '.join(sorted(columns))}, expected image, label and x, y or x0, y0, x1, y1")
        for row in reader:
            where = f"{path}:{reader.line_num}"
            given = lambda names: names[0] in columns and all((row[name] or "").strip() for name in names)
            read = lambda names: [number(row[name], where) for name in names] if given(names) else None
            yield row["image"], row["label"].strip(), read(["x", "y"]), read(["x0", "y0", "x1", "y1"])


def read_coco(path):
    with open(path, encoding="utf-8") as file:
        coco = json.load(file)
    images = {image["id"]: image["file_name"] for image in coco["images"]}
    labels = {category["id"]: category["name"] for category in coco["categories"]}
    for annotation in coco["annotations"]:
        if annotation.get("iscrowd"):
            continue  # one box around many things: no place to point to
        x, y, width, height = annotation["bbox"]
        yield images[annotation["image_id"]], labels[annotation["category_id"]], None, [x, y, x + width, y + height]


def collect(rows, radius, renamed):
    """image -> label -> [(point, box)], in the order of the rows."""
    found = collections.defaultdict(dict)
    for image, label, point, box in rows:
        things = found[image].setdefault(renamed.get(label, label), [])
        if point is None and box is None:
            continue
        if box is None:
            if radius is None:
                fail(f"{image}: a point without a box, expected --radius PIXELS, within which a prediction is a hit")
            box = [max(0, point[0] - radius), max(0, point[1] - radius), point[0] + radius, point[1] + radius]
        things.append((point or [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], box))
    return found


def split_of(images, shares, seed):
    """image -> split: shuffled, so that pictures taken one after another do not all go to one."""
    order = sorted(images)
    random.Random(seed).shuffle(order)
    splits = {}
    for split, share in shares.items():
        count = max(1, round(share * len(images))) if share > 0 else 0
        splits.update({image: split for image in order[len(splits) : len(splits) + count]})
    return splits


def record(image, things, absent, split):
    points = [
        {"label": label, "points": [p for p, _ in places], "boxes": [b for _, b in places]}
        for label, places in things.items()
    ]
    points += [{"label": label, "points": [], "boxes": []} for label in absent]
    return {"image": image, "points": points, "split": split}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=pathlib.Path, help="a .csv file, or COCO's .json")
    parser.add_argument("--images", type=pathlib.Path, required=True, help="folder of the pictures; gets data.jsonl")
    parser.add_argument("--radius", type=float, help="half the side in pixels of the box of a point without one")
    parser.add_argument("--rename", action="append", default=[], metavar="A=B", help="label A is called B, as in cat=cats")
    parser.add_argument("--absent", type=int, default=1, help="labels that a picture lacks, asked all the same (default 1)")
    parser.add_argument("--test", type=float, default=0.2, help="share of pictures in split test (default 0.2)")
    parser.add_argument("--validation", type=float, default=0.1, help="share in split validation (default 0.1)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    target = options.images / "data.jsonl"
    if target.exists():
        fail(f"{target} exists: move it away first")
    read = read_coco if options.table.suffix == ".json" else read_csv
    found = collect(read(options.table), options.radius, dict(pair.split("=", 1) for pair in options.rename))
    missing = [image for image in found if not (options.images / image).is_file()]
    if missing or not found:
        fail(f"{len(missing)} of {len(found)} pictures are not below {options.images}, the first: {missing[:1]}")
    labels = sorted({label for things in found.values() for label in things})
    splits = split_of(found, {"test": options.test, "validation": options.validation}, options.seed)
    draw = random.Random(options.seed)
    with open(target, "w", encoding="utf-8") as file:
        for image, things in found.items():
            lacking = [label for label in labels if label not in things]
            absent = draw.sample(lacking, min(options.absent, len(lacking)))
            file.write(json.dumps(record(image, things, absent, splits.get(image, "train")), ensure_ascii=False) + "\n")
    counts = collections.Counter(splits.get(image, "train") for image in found)
    named = ", ".join(f"{count} {split}" for split, count in sorted(counts.items()))
    print(f"{target}: {len(found)} pictures ({named}), {len(labels)} labels: {', '.join(labels[:20])}")


main()
