#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of the HF `tokenizers` library on the documents of `molmo bench tokenizer`, as JSON.

Usage: tokenizers_peer.py TOKENIZER_JSON DOCUMENTS [REPEATS]
  TOKENIZER_JSON  tokenizer.json, plain or gzip
  DOCUMENTS       documents that each end in a NUL byte, or JSON lines with a "text" field (*.jsonl)
Needs: pip install tokenizers==0.22.2. One thread; no post-processor. Both ways of calling the library are timed: `encode`
for each document, and `encode_batch_fast` (no offsets) for all of them; the better of the two is the peer's speed.
"""
import gzip
import json
import os
import statistics
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"


def read_documents(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".jsonl"):
        return [json.loads(line)["text"] for line in data.split(b"\n") if line.strip()]
    return [document.decode("utf-8") for document in data.split(b"\0") if document]


def load(tokenizers, path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return tokenizers.Tokenizer.from_str(data.decode("utf-8"))


def time_passes(encode_all, mib, repeats):
    """MiB/s of the first pass and the median of the others, and the number of tokens."""
    speeds, num_tokens = [], 0
    for _ in range(repeats + 1):
        start = time.perf_counter()
        num_tokens = encode_all()
        speeds.append(mib / (time.perf_counter() - start))
    return {"first_mib_per_s": speeds[0], "repeated_mib_per_s": statistics.median(speeds[1:]), "num_tokens": num_tokens}


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    import tokenizers

    documents = read_documents(sys.argv[2])
    repeats = int(sys.argv[3]) if len(sys.argv) == 4 else 3
    mib = sum(len(document.encode("utf-8")) for document in documents) / (1 << 20)
    single, batch = load(tokenizers, sys.argv[1]), load(tokenizers, sys.argv[1])
    report = {
        "library": "tokenizers " + tokenizers.__version__,
        "mib": mib,
        "encode": time_passes(
            lambda: sum(len(single.encode(text, add_special_tokens=False)) for text in documents), mib, repeats),
        "encode_batch_fast": time_passes(
            lambda: sum(len(e) for e in batch.encode_batch_fast(documents, add_special_tokens=False)), mib, repeats),
    }
    for key in ("first_mib_per_s", "repeated_mib_per_s"):
        report[key] = max(report["encode"][key], report["encode_batch_fast"][key])
    report["num_tokens"] = report["encode"]["num_tokens"]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
