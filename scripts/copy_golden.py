#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills tests/golden from a full set of golden data with what fits a size, and lists what was dropped.

Usage: copy_golden.py FROM TO [--megabytes 14.9] [--line-kilobytes 45]

A case is a folder, or the files of one folder that share a name up to the first dot; its files stay together. The large
cases of LARGE go first. Then, until the rest fits, cases that add no coverage, the largest before the smaller: a case may
go while every word of its name (`siglip`, `tall`, `bf16`, ...) is in the name of another case of its folder that stays;
small ones always stay. A .jsonl file is one case with many lines: beyond --line-kilobytes its longest lines go, while each value of its short
fields (dataset, mode, style, ...) stays on another line. A source picture goes when no case that stays names it.
"""
import argparse
import collections
import itertools
import json
import pathlib
import re
import shutil
import sys

# Folders whose cases are sub-folders, and folders whose cases are files. All else is copied whole.
FOLDER_CASES = ["model", "generate", "ops", "train/curve", "train/optimizer"]
FILE_CASES = ["preprocess/resize", "preprocess/crops", "preprocess/images", "preprocess/example", "preprocess/collate",
              "text/sentencepiece"]
PICTURES = "preprocess/source"

SMALL = 12000  # bytes: smaller cases stay, they cost nothing
KEPT = {"generate/greedy_images"}  # the plain case of its group: others with pictures want beams too

# Large cases (regular expressions on '<folder>/<case>') whose code paths smaller cases of their group take too.
LARGE = [
    r"preprocess/.*-(big2400x1600|w1279h853|odd801x601|strip3000x120)\b",  # large pictures, large grids
    r"preprocess/resize/.*-(336x3024|1680x336|336x336)$",                  # large targets
    r"preprocess/crops/tiny-(pool1x2|pool3odd|margin0|margins2_2)-",       # combinations of options that others have
    r"model/(grid24|qwen2_72b_clip)$",                                     # other sizes of the same modules
    r"model/(qwen2_clip|qwen2_metaclip)$",                                 # the openai tower is in olmo_clip
    r"model/(pool_none_mlp|pool_stack_linear|pool_attention_single_layer|llama_2mlp)$",  # poolings and projectors of the ablations
    r"generate/greedy_(min_steps|no_early_stop)$",                         # small options of the same loop
    r"train/curve/(sft_qwen2_clip|everything_trained_qwen2_dino|olmoe_clip)$",  # longer runs of the same step
]


def case_key(path):
    """'<folder>/<case>' of a file (relative path) or None if it belongs to no case that may go."""
    text = path.as_posix()
    for folder in FOLDER_CASES:
        if text.startswith(folder + "/") and text.count("/") > folder.count("/") + 1:
            return "/".join(path.parts[:folder.count("/") + 2])
    for folder in FILE_CASES:
        if path.parent.as_posix() == folder and path.name != "README.md":
            return f"{folder}/{path.name.split('.')[0]}"
    return None


def words(key):
    return set(re.split(r"[-_]", key.rsplit("/", 1)[1]))


def drop_order(counted, must_stay=lambda item: False):
    """Yields the items of `counted` ({item: (size, features)}) that may go, largest first, as long as others cover them.

    The caller stops when enough is gone.
    """
    cover = collections.Counter(feature for _, features in counted.values() for feature in features)
    for item in sorted(counted, key=lambda item: (-counted[item][0], str(item))):
        features = counted[item][1]
        if not must_stay(item) and all(cover[feature] > 1 for feature in features):
            cover.subtract(features)
            yield item


def short_fields(record, values):
    """The (field, value) pairs of a line that its file repeats: what a line may add to the coverage."""
    return {(k, str(v)) for k, v in record.items() if isinstance(v, (str, bool)) and len(values[k]) <= 64}


def thin_lines(content, most_bytes):
    """The lines of a .jsonl file that stay within most_bytes, in order, and the number of those that went."""
    lines = [line for line in content.split(b"\n") if line]
    records = [json.loads(line) for line in lines]
    values = collections.defaultdict(set)
    for record in records:
        for field, value in record.items():
            values[field].add(str(value))
    counted = {i: (len(lines[i]), short_fields(records[i], values)) for i in range(len(lines))}
    size, gone = len(content), set()
    for i in drop_order(counted):
        if size <= most_bytes:
            break
        gone.add(i)
        size -= len(lines[i]) + 1
    return b"".join(line + b"\n" for i, line in enumerate(lines) if i not in gone), len(gone)


def read_files(source, line_bytes):
    """{relative path: content}, with long .jsonl files thinned, and the list of what that dropped."""
    files, notes = {}, []
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        name, content = path.relative_to(source), path.read_bytes()
        if path.suffix == ".jsonl" and len(content) > line_bytes:
            content, num_gone = thin_lines(content, line_bytes)
            if num_gone:
                notes.append(f"{name}: {num_gone} of {num_gone + content.count(bytes([10]))} lines")
        files[name] = content
    return files, notes


def drop_cases(files, most_bytes):
    """Takes cases out of `files` until they fit; returns what went."""
    cases = collections.defaultdict(list)
    for name in files:
        key = case_key(name)
        if key:
            cases[key].append(name)
    counted = {}
    for key, names in cases.items():
        folder = key.rsplit("/", 1)[0]
        counted[key] = (sum(len(files[n]) for n in names), {f"{folder}/{word}" for word in words(key)})
    large = [key for key in sorted(counted) if any(re.match(pattern, key) for pattern in LARGE)]
    rest = {key: value for key, value in counted.items() if key not in large}
    order = drop_order(rest, lambda key: counted[key][0] < SMALL or key in KEPT)
    size, notes = sum(map(len, files.values())), []
    for key in itertools.chain(large, order):
        if size <= most_bytes:
            break
        for name in cases[key]:
            del files[name]
        size -= counted[key][0]
        notes.append(f"{key}: {counted[key][0] / 1e3:.0f} kB")
    return notes


def drop_pictures(files):
    """Takes out the source pictures that no case names; returns what went."""
    named = b"\n".join(content for name, content in files.items() if name.suffix in (".json", ".jsonl"))
    unused = [n for n in files if n.parent.as_posix() == PICTURES and n.name.encode() not in named]
    return [f"{name}: {len(files.pop(name)) / 1e3:.0f} kB" for name in unused]


def expect_own_folder(source, target):
    """The target is emptied: it must be new, empty, or a copy of an earlier run, and must not hold the source."""
    if target == source or target in source.parents or source in target.parents:
        sys.exit(f"[copy_golden] {target}: lies in {source} or holds it, expected another folder")
    is_copy = (target / "README.md").is_file() and (target / "DROPPED.txt").is_file()
    if target.exists() and not is_copy and (not target.is_dir() or any(target.iterdir())):
        sys.exit(f"[copy_golden] {target}: no copy that this script made (README.md and DROPPED.txt), expected one or a new folder")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path, metavar="FROM")
    parser.add_argument("target", type=pathlib.Path, metavar="TO")
    parser.add_argument("--megabytes", type=float, default=14.9)
    parser.add_argument("--line-kilobytes", type=float, default=45)
    arguments = parser.parse_args()
    if not (arguments.source / "README.md").is_file():
        sys.exit(f"[copy_golden] {arguments.source}: no README.md, so no golden data")
    expect_own_folder(arguments.source.resolve(), arguments.target.resolve())
    files, thinned = read_files(arguments.source, 1000 * arguments.line_kilobytes)
    dropped = drop_cases(files, 1e6 * arguments.megabytes) + drop_pictures(files)
    size = sum(map(len, files.values()))
    if size > 1e6 * arguments.megabytes:
        sys.exit(f"[copy_golden] {size / 1e6:.1f} MB stay although nothing more may go; raise --megabytes")
    shutil.rmtree(arguments.target, ignore_errors=True)
    for name, content in files.items():
        path = arguments.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    report = ["Dropped from the full set by scripts/copy_golden.py: lines of", *thinned, "", "cases and pictures", *dropped, ""]
    (arguments.target / "DROPPED.txt").write_text("\n".join(report))
    print(f"[copy_golden] {len(files)} files, {size / 1e6:.2f} MB; {len(dropped)} cases and pictures dropped, "
          f"{len(thinned)} files thinned (DROPPED.txt)")


if __name__ == "__main__":
    main()
