#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to a small Molmo that captions, points and counts: set-up, build, synthetic scenes, tokenizer, three training
# stages, evaluation, three pictures with points, and a report.
#
# Usage: scripts/quickstart.sh [--smoke] [--binary MOLMO]
#   --smoke          all of it with a handful of steps, in build/smoke (about a minute, no targets)
#   --binary MOLMO   use this program: no set-up, no build
# The tower and the last stage take as many steps as this machine does in about eighteen minutes, within bounds: a few steps
# are timed first, and quickstart/steps keeps the choice.
# Leaves quickstart/{model,report.html,scores.json,points-*.png}. A stopped run goes on where it was; remove quickstart/ to
# start over.
source "$(dirname "$0")/prelude.sh"

smoke=0
molmo=""
while (($# > 0)); do
  case "$1" in
    --smoke) smoke=1 ;;
    --binary) molmo=$(realpath "${2:?--binary needs a path}"); shift ;;
    *) fail "unknown argument $1 (see --help)" ;;
  esac
  shift
done

recipes=$repository/configs/train/quickstart
work=$repository
data_level=1 num_train=6000 num_easy=2000 num_test=600
tower_overrides=() caption_overrides=() sft_overrides=() eval_options=(--max-per-task 600 --batch-size 32) unseen_options=(--max-per-task 100)
if ((smoke)); then
  work=$repository/build/smoke
  data_level=0 num_train=40 num_easy=20 num_test=12
  small=(--set global_batch_size=4 --set micro_batch_size=4)
  tower_overrides=("${small[@]}" --set steps=6)
  caption_overrides=("${small[@]}" --set steps=6)
  sft_overrides=("${small[@]}" --set steps=6)
  eval_options=(--max-per-task 4) unseen_options=(--max-per-task 2)
fi

step() { SECONDS=0; say "$1"; }
took() { say "  took $SECONDS s"; }

prepare_program() {
  if [[ -n $molmo ]]; then return; fi
  scripts/setup.sh
  prefer_own_cmake
  scripts/build.sh
  molmo=$repository/build/release/bin/molmo
}

make_data() {
  step "drawing scenes with known objects"
  "$molmo" data synthesize --out quickstart/data --seed 1 --level "$data_level" --train "$num_train" --test "$num_test"
  "$molmo" data synthesize --out quickstart/easy --seed 2 --level "$data_level" --max-objects 2 --train "$num_easy" --test 0
  [[ -s quickstart/tokenizer.model ]] || "$molmo" data train-tokenizer --data quickstart/data --out quickstart/tokenizer.model
  took
}

# Steps of the tower and of SFT: what the time leaves behind data, captions and scoring, half and half. A caption step takes
# 1.13 times as long as one of the tower, an SFT step 1.29, and scoring about 400 of them.
plan_steps() {
  local seconds=1080
  if [[ ! -s quickstart/steps ]]; then
    step "timing this machine"
    rm -rf quickstart/runs/speed
    "$molmo" train "$recipes/tower.json" --out quickstart/runs/speed --set steps=40 --set log_every=1000 >/dev/null 2>&1 \
      || fail "a few steps of the tower did not train: molmo train $recipes/tower.json --out quickstart/runs/speed"
    python3 - "$seconds" "$(($(date +%s) - begin))" >quickstart/steps <<'PYTHON'
import json, statistics, sys
seconds, gone = map(float, sys.argv[1:])
lines = [json.loads(line) for line in open("quickstart/runs/speed/metrics.jsonl", encoding="utf-8")]
step = statistics.median(line["seconds"] for line in lines[10:])
left = (seconds - gone) / step - 1.13 * 500 - 400
within = lambda value, least, most: int(max(least, min(most, value)))
print(within(0.5 * left, 1500, 4000), within(0.5 * left / 1.29, 1200, 3000))
PYTHON
    rm -rf quickstart/runs/speed
  fi
  local tower sft
  read -r tower sft <quickstart/steps
  say "  $tower steps for the tower, $sft for SFT"
  tower_overrides=(--set "steps=$tower")
  sft_overrides=(--set "steps=$sft")
}

train_stage() {  # NAME [overrides]
  local name=$1
  shift
  step "training: $name"
  "$molmo" train "$recipes/$name.json" --out "quickstart/runs/$name" --resume auto "$@" >/dev/null
  took
}

export_model() {
  local last
  last=quickstart/runs/sft/$(<quickstart/runs/sft/latest)
  rm -rf quickstart/model
  mkdir -p quickstart/model
  cp "$last"/molmo.json "$last"/tokenizer.model "$last"/model-*.safetensors "$last"/model.safetensors.index.json quickstart/model/
}

evaluate() {
  step "scoring on test pictures, beside blank pictures and chance"
  rm -rf quickstart/eval
  "$molmo" eval --model quickstart/model --data quickstart/data --dtype fp32 --out quickstart/eval --report quickstart/report.html \
    --curves quickstart/runs/tower quickstart/runs/caption quickstart/runs/sft "${eval_options[@]}"
  cp quickstart/eval/scores.json quickstart/scores.json
  say "the same for kinds of things that training never showed (no score is promised)"
  "$molmo" eval --model quickstart/model --data quickstart/data --split test_unseen --dtype fp32 --tasks pointing,counting "${unseen_options[@]}"
  took
}

# Three test pictures with something to point at: "path<TAB>label" lines.
test_pictures() {
  python3 - <<'PYTHON'
import json
chosen = 0
for line in open("quickstart/data/data.jsonl", encoding="utf-8"):
    record = json.loads(line)
    labels = [entry["label"] for entry in record.get("points", []) if entry["points"]]
    if record["split"] == "test" and labels:
        print(f"quickstart/data/{record['image']}\t{labels[0]}")
        chosen += 1
    if chosen == 3:
        break
PYTHON
}

point_at_pictures() {
  step "pointing at objects of three test pictures"
  local number=0 image label
  while IFS=$'\t' read -r image label; do
    number=$((number + 1))
    say "  $image: Locate all $label."
    "$molmo" generate --dtype fp32 --model quickstart/model --image "$image" "Locate all $label." --points "quickstart/points-$number.png"
  done < <(test_pictures)
  took
}

main() {
  prepare_program
  if ((smoke)); then rm -rf "$work/quickstart"; fi
  mkdir -p "$work/quickstart"
  cd "$work"
  local begin
  begin=$(date +%s)
  make_data
  if ((!smoke)); then plan_steps; fi
  train_stage tower "${tower_overrides[@]}"
  train_stage caption "${caption_overrides[@]}"
  train_stage sft "${sft_overrides[@]}"
  export_model
  evaluate
  point_at_pictures
  say "done in $(($(date +%s) - begin)) s after set-up and build: $work/quickstart/report.html, scores.json, points-*.png, model/"
}

main
