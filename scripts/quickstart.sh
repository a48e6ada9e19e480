#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to a small Molmo that captions, points and counts: set-up, build, synthetic scenes, tokenizer, three training
# stages, evaluation, three pictures with points, and a report.
#
# Usage: scripts/quickstart.sh [--smoke] [--binary MOLMO]
#   --smoke          all of it with a handful of steps, in build/smoke (about a minute, no targets)
#   --binary MOLMO   use this program: no set-up, no build
# The tower and the last stage take as many steps as this machine does in about twelve minutes, within bounds: a few steps
# are timed first, and quickstart/steps keeps the choice. Set-up and build come before that, about ten minutes the first time.
# Leaves quickstart/{model,report.html,scores.json,points-*.png,log.txt}. A stopped run goes on where it was; remove
# quickstart/ to start over.
source "$(dirname "$0")/prelude.sh"
source "$repository/scripts/overall_bar.sh"

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
overrides=() eval_options=(--max-per-task 600 --batch-size 64) unseen_options=(--max-per-task 100)
num_tower_steps=6 num_caption_steps=500 num_sft_steps=6 step_seconds=0.5
if ((smoke)); then
  work=$repository/build/smoke
  data_level=0 num_train=40 num_easy=20 num_test=12
  overrides=(--set global_batch_size=4 --set micro_batch_size=4)
  num_caption_steps=6 step_seconds=0.05
  eval_options=(--max-per-task 4) unseen_options=(--max-per-task 2)
fi

prepare_program() {
  if [[ -n $molmo ]]; then return; fi
  say "set-up and build: about ten minutes the first time, seconds later"
  scripts/setup.sh
  prefer_own_cmake
  scripts/build.sh
  molmo=$repository/build/release/bin/molmo
}

make_data() {
  say "drawing scenes with known objects"
  "$molmo" data synthesize --out quickstart/data --seed 1 --level "$data_level" --train "$num_train" --test "$num_test" 2>>"$part_log"
  "$molmo" data synthesize --out quickstart/easy --seed 2 --level "$data_level" --max-objects 2 --train "$num_easy" --test 0 2>>"$part_log"
  [[ -s quickstart/tokenizer.model ]] || "$molmo" data train-tokenizer --data quickstart/data --out quickstart/tokenizer.model 2>>"$part_log"
}

# Steps of the tower and of SFT: what the time leaves behind data, captions and scoring, half and half. quickstart/steps
# keeps them and the seconds of one step of the tower.
plan_steps() {
  if [[ ! -s quickstart/steps || $(wc -w <quickstart/steps) != 3 ]]; then
    say "timing this machine"
    rm -rf quickstart/runs/speed
    "$molmo" train "$recipes/tower.json" --out quickstart/runs/speed --set steps=40 --set log_every=1000 >/dev/null 2>>"$part_log" \
      || fail "a few steps of the tower did not train (see $part_log): molmo train $recipes/tower.json --out quickstart/runs/speed"
    python3 - "$num_caption_steps" "$(($(date +%s) - begin))" >quickstart/steps.new <<'PYTHON'
import json, statistics, sys
caption_steps, gone = map(float, sys.argv[1:])
lines = [json.loads(line) for line in open("quickstart/runs/speed/metrics.jsonl", encoding="utf-8")]
step = 1.06 * statistics.median(line["seconds"] for line in lines[10:])  # a long run is a little slower
# In steps of the tower: scoring takes 380, starts and pictures 100.
left = (720 - gone) / step - 0.95 * caption_steps - 480
within = lambda value, least, most: int(max(least, min(most, value)))
print(within(0.5 * left, 1500, 4000), within(0.5 * left / 1.2, 1200, 3000), step)
PYTHON
    mv quickstart/steps.new quickstart/steps
    rm -rf quickstart/runs/speed
  fi
  read -r num_tower_steps num_sft_steps step_seconds <quickstart/steps
}

# Seconds of some steps of the tower.
tower_time() { LC_ALL=C awk -v steps="$1" -v seconds="$step_seconds" 'BEGIN { printf "%d", steps * seconds + 5 }'; }

plan_all() {
  plan_parts \
    tower "$(tower_time "$num_tower_steps")" "training tower and connector: kinds and places" \
    caption "$(tower_time $((num_caption_steps * 95 / 100)))" "training captions" \
    sft "$(tower_time $((num_sft_steps * 120 / 100)))" "training to point, count and answer" \
    eval "$(tower_time 360)" "scoring on test pictures, beside blank pictures and chance" \
    unseen "$(tower_time 10)" "the same for kinds that training never showed (no score is promised)" \
    points "$(tower_time 10)" "pointing at objects of three test pictures"
  say "$num_tower_steps steps for the tower, $num_caption_steps for captions, $num_sft_steps for SFT: about $(format_minutes "$parts_total") (minutes:seconds) from here"
}

# Of a stage, by the steps in its metrics.
part_fraction() {
  local -A steps=([tower]=$num_tower_steps [caption]=$num_caption_steps [sft]=$num_sft_steps)
  local file=quickstart/runs/$1/metrics.jsonl
  if [[ -n ${steps[$1]:-} && -s $file ]]; then echo $(($(wc -l <"$file") * 1000 / steps[$1])); fi
}

train_stage() {  # NAME STEPS
  run_part "$1" train_quietly "$recipes/$1.json" --out "quickstart/runs/$1" --resume auto --set "steps=$2" "${overrides[@]}"
}
train_quietly() { "$molmo" train "$@" >/dev/null; }

export_model() {
  local last
  last=quickstart/runs/sft/$(<quickstart/runs/sft/latest)
  rm -rf quickstart/model
  mkdir -p quickstart/model
  cp "$last"/molmo.json "$last"/tokenizer.model "$last"/model-*.safetensors "$last"/model.safetensors.index.json quickstart/model/
}

evaluate() {
  rm -rf quickstart/eval
  run_part eval "$molmo" eval --model quickstart/model --data quickstart/data --dtype fp32 --out quickstart/eval \
    --report quickstart/report.html --curves quickstart/runs/tower quickstart/runs/caption quickstart/runs/sft "${eval_options[@]}"
  cp quickstart/eval/scores.json quickstart/scores.json
  run_part unseen "$molmo" eval --model quickstart/model --data quickstart/data --split test_unseen --dtype fp32 \
    --tasks pointing,counting "${unseen_options[@]}"
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
  local number=0 image label
  while IFS=$'\t' read -r image label; do
    number=$((number + 1))
    echo "$image: Locate all $label."
    "$molmo" generate --dtype fp32 --model quickstart/model --image "$image" "Locate all $label." --points "quickstart/points-$number.png" \
      || return
  done < <(test_pictures)
}

main() {
  prepare_program
  if ((smoke)); then rm -rf "$work/quickstart"; fi
  mkdir -p "$work/quickstart"
  cd "$work"
  part_log=$work/quickstart/log.txt
  local begin
  begin=$(date +%s)
  make_data
  if ((!smoke)); then plan_steps; fi
  plan_all
  train_stage tower "$num_tower_steps"
  train_stage caption "$num_caption_steps"
  train_stage sft "$num_sft_steps"
  export_model
  evaluate
  run_part points point_at_pictures
  say "done in $(($(date +%s) - begin)) s after set-up and build: $work/quickstart/report.html, scores.json, points-*.png, model/"
}

main
