#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ends training runs at random moments, while they save a checkpoint every step and answer questions in between, and lets
# them go on: each must find a complete step, and end with the weights, bit for bit, and the evaluations of a run that
# nobody disturbed. Every other time SIGKILL ends launcher and ranks; else signals ask for the end, in the ways in which
# schedulers, launchers and terminals send them: then the run must save within 20 s and end with 75.
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
 "log_every": 1000, "compute_dtype": "fp32",
 "evaluations": {"held": {"data": "data", "split": "test", "every": 5, "max_per_task": 2, "batch_size": 1}}, "response_dropout": 0.1,
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
"$molmo" data synthesize --out data --level 0 --train 8 --test 4 --seed 3 2>/dev/null
"$molmo" data train-tokenizer --data data --vocab-size 507 --out tokenizer.model 2>/dev/null

start() {
  "$molmo" launch -n "$ranks" -- train recipe.json --out "$1" --resume auto >/dev/null 2>"$1.log" &
  launcher=$!
}
train() { start "$1" && wait "$launcher"; }

# What a log says without the places in libraries that a bug's report names.
complaints() { grep -v '^frame #' "$1" | tail -n 12; }

# The launcher's own id, or its and its ranks'.
everyone() { echo "$launcher" "$(cat "/proc/$launcher/task/$launcher/children" 2>/dev/null)"; }
# shellcheck disable=SC2086
send() { kill "-$1" $2 2>/dev/null || true; }  # one id or several

# The launcher and its ranks, at one moment.
kill_run() {
  send KILL "$(everyone)"
  wait "$launcher" 2>/dev/null || true
}

# One or several signals once there are ranks; then the run has 20 s.
ask_to_stop() {
  local code=0 begin way=$((RANDOM % 6))
  until [ "$(everyone | wc -w)" -gt "$ranks" ] || ! kill -0 "$launcher" 2>/dev/null; do sleep 0.01; done
  begin=$SECONDS
  case $way in
    0) send TERM "$launcher" ;;
    1) send TERM "$(everyone)"; sleep 0.002; send TERM "$(everyone)" ;;
    2) send USR1 "$launcher"; sleep 0.2; send TERM "$(everyone)" ;;
    3) send HUP "$(everyone)" ;;
    4) send TERM "$(everyone | cut -d' ' -f3)" ;;  # one rank alone
    5) send USR2 "$(everyone)"; send TERM "$launcher"; sleep 1; send TERM "$(everyone)" ;;
  esac
  wait "$launcher" || code=$?
  ((SECONDS - begin <= 20)) || fail "way $way: ended $((SECONDS - begin)) s after the signal, expected 20 at most"
  ((code == 75 || code == 0)) || fail "way $way: exit code, got $code, expected 75: $(complaints killed.log)"
}

expect_same_ends() {
  local file
  cmp -s straight/evaluations.jsonl killed/evaluations.jsonl || fail "the killed run has other evaluations: $(cat killed/evaluations.jsonl)"
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
    if ((done_kills % 2)); then kill_run; else ask_to_stop; fi
    done_kills=$((done_kills + 1))
    continue
  fi
  wait "$launcher" || fail "a run that was killed before did not go on: $(complaints killed.log)"
  expect_same_ends
  finished=$((finished + 1))
  rm -rf killed
done
train killed || fail "the run did not go on after the last kill: $(complaints killed.log)"
expect_same_ends
say "$done_kills ends, $((finished + 1)) runs with the weights and evaluations of the undisturbed one"
