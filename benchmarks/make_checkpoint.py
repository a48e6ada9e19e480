#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes up a checkpoint of real size, for measurements of `molmo convert`: one sparse safetensors file of zeros.

Usage: molmo inspect --preset molmo-7b-d --json | make_checkpoint.py FOLDER [DTYPE]
  FOLDER  gets model.safetensors, which takes no room on a disk that knows sparse files
  DTYPE   F32 (default), F16 or BF16
"""
import json
import os
import struct
import sys

SIZES = {"F32": 4, "F16": 2, "BF16": 2}


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        return print(__doc__)
    folder, dtype = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "F32"
    header, offset = {}, 0
    for tensor in json.load(sys.stdin)["tensors"]:
        size = SIZES[dtype]
        for side in tensor["shape"]:
            size *= side
        header[tensor["name"]] = {"dtype": dtype, "shape": tensor["shape"], "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    print(f"{len(header)} tensors, {offset / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
