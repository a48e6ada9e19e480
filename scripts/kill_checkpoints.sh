#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kills training runs with SIGKILL at random moments, while they save a checkpoint every step, and lets them go on: each must
# find a complete step, and end with the weights, bit for bit, of a run that nobody disturbed.
#
# Usage: scripts/kill_checkpoints.sh [--kills N] [--ranks R] [--binary MOLMO]
source "$(dirname "$0")/prelude.sh"

kills=200 ranks=2 molmo=$repository/build/release/bin/molmo
while (($# > 0)); do
  case "$1" in
    --kills) kills=${2:?--kills needs a number}; shift ;;
    --ranks) ranks=${2:?--ranks needs a number}; shift ;;
    --binary) molmo=$(realpath "${2:?--binary needs a path}"); shift ;;
    *) fail "unknown argument $1 (see the head of the script)" ;;
  esac
  shift
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >recipe.json <<'JSON'
{"stage": "caption", "steps": 30, "global_batch_size": 2, "micro_batch_size": 1, "save_every": 1, "keep_checkpoints": 2,
 "log_every": 1000, "compute_dtype": "fp32", "response_dropout": 0.1,
 "data": {"datasets": {"scenes": {"path": "data"}}, "sequence_length": 256},
 "optimizer": {"embedding": "all", "llm": {"warmup_steps": 1, "learning_rate": 1e-3}},
 "molmo": {
   "model": {
     "vit": {"image_height": 56, "image_width": 56, "width": 16, "num_layers": 2, "num_heads": 2, "num_kv_heads": 2,
             "head_dim": 8, "mlp_width": 16, "num_positions": 17},
     "connector": {"vit_layers": [-1, -2], "hidden_width": 16},
     "decoder": {"width": 16, "num_layers": 2, "num_heads": 2, "num_kv_heads": 1, "ffn_width": 16, "vocab_size": 512,
                 "embedding_size": 512, "additional_vocab_size": 8, "max_positions": 512, "rope_theta": 10000}},
   "preprocess": {"crop_mode": "resize", "image_height": 56, "image_width": 56},
   "tokenizer": {"file": "tokenizer.model", "pad_to": 512, "bos_id": 1, "eos_id": 2}}}
JSON
"$molmo" data synthesize --out data --level 0 --train 8 --test 0 --seed 3 2>/dev/null
"$molmo" data train-tokenizer --data data --vocab-size 507 --out tokenizer.model 2>/dev/null

start() {
  "$molmo" launch -n "$ranks" -- train recipe.json --out "$1" --resume auto >/dev/null 2>"$1.log" &
  launcher=$!
}
train() { start "$1" && wait "$launcher"; }

# What a log says without the places in libraries that a bug's report names.
complaints() { grep -v '^frame #' "$1" | tail -n 12; }

# The launcher and its ranks, at one moment.
kill_run() {
  # shellcheck disable=SC2046
  kill -KILL "$launcher" $(cat "/proc/$launcher/task/$launcher/children" 2>/dev/null) 2>/dev/null || true
  wait "$launcher" 2>/dev/null || true
}

expect_same_weights() {
  local file
  for file in straight/step000030/model-*.safetensors straight/step000030/optim-*.safetensors; do
    cmp -s "$file" "killed/step000030/${file##*/}" || fail "the killed run ended with other bytes in ${file##*/}"
  done
}

train straight || fail "the undisturbed run failed: $(complaints straight.log)"
done_kills=0 finished=0
while ((done_kills < kills)); do
  start killed
  # Up to the time that a whole run takes: start-up, steps and saving are all hit.
  sleep "$(printf '%d.%02d' $((RANDOM % 3)) $((RANDOM % 100)))"
  if kill -0 "$launcher" 2>/dev/null; then
    kill_run
    done_kills=$((done_kills + 1))
    continue
  fi
  wait "$launcher" || fail "a run that was killed before did not go on: $(complaints killed.log)"
  expect_same_weights
  finished=$((finished + 1))
  rm -rf killed
done
train killed || fail "the run did not go on after the last kill: $(complaints killed.log)"
expect_same_weights
say "$done_kills kills, $((finished + 1)) runs ended with the weights of the undisturbed one"
