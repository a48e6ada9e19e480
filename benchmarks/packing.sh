#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Useful tokens per second of training on rows in four ways: packed, sorted by length and padded to the longest of a
# micro-batch, padded to the longest of the batch, padded to 2304 as the public trainer does. The data are the embedded scenes with Molmo's crops (an overview and up to twelve tiles of 336
# pixels), all annotations of a picture in a row; tower and decoder are small.
#
# Usage: benchmarks/packing.sh [MOLMO [STEPS]]
set -euo pipefail
molmo=$(realpath "${1:-build/release/bin/molmo}")
steps=${2:-12}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >recipe.json <<'JSON'
{"stage": "sft", "global_batch_size": 8, "micro_batch_size": 4, "compute_dtype": "fp32", "log_every": 1000, "save_every": 100000,
 "data": {"datasets": {"scenes": {"path": "data"}}, "sequence_length": 2304},
 "optimizer": {"embedding": "all"},
 "molmo": {
   "model": {
     "vit": {"width": 32, "num_layers": 2, "num_heads": 2, "num_kv_heads": 2, "head_dim": 16, "mlp_width": 64},
     "connector": {"vit_layers": [-1, -2], "hidden_width": 64},
     "decoder": {"width": 256, "num_layers": 4, "num_heads": 8, "num_kv_heads": 4, "ffn_width": 512, "vocab_size": 1024,
                 "embedding_size": 1024, "additional_vocab_size": 8, "max_positions": 4096, "rope_theta": 10000}},
   "tokenizer": {"file": "tokenizer.model", "pad_to": 1024, "bos_id": 1, "eos_id": 2}}}
JSON
"$molmo" data synthesize --out data --level 1 --train 160 --test 0 --seed 3 2>/dev/null
"$molmo" data train-tokenizer --data data --vocab-size 1019 --out tokenizer.model >/dev/null 2>&1

"$molmo" bench data recipe.json --steps 10 --set data.packing.max_tokens=4096 --set data.packing.max_crops=64
rate() {  # NAME [options]
  local name=$1
  shift
  "$molmo" train recipe.json --out "run-$name" --set steps="$steps" "$@" >/dev/null 2>&1
  python3 - "run-$name/metrics.jsonl" <<'PYTHON'
import json, statistics, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")][2:]
print(statistics.median(line["tokens_per_second"] for line in lines))
PYTHON
}
packed=$(rate packed --set data.packing.max_tokens=4096 --set data.packing.max_crops=64)
sorted=$(rate sorted)
longest=$(rate longest --set micro_batch_size=8)
fixed=$(rate fixed --set data.pad_to_max=true)
python3 - "$packed" "$sorted" "$longest" "$fixed" <<'PYTHON'
import sys
rates = list(map(float, sys.argv[1:]))
print("useful tokens/s: packed {:.0f}, sorted and padded to the longest of a micro-batch {:.0f}, padded to the longest of the batch {:.0f}, "
      "padded to 2304 {:.0f}".format(*rates))
print("packed is {:.2f}, {:.2f} and {:.2f} times as fast as these".format(*(rates[0] / rate for rate in rates[1:])))
PYTHON
