#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Submits the stages of a model's recipes one behind another, with as many GPUs as the paper's runs had [P Table 8].
#
# Usage: scripts/slurm/submit.sh MODEL RUNS [sbatch options]
#   MODEL  molmoe-1b, molmo-7b-o, molmo-7b-d or molmo-72b (configs/train/MODEL)
#   RUNS   folder that gets one run folder per stage: RUNS/MODEL/caption, RUNS/MODEL/sft, RUNS/MODEL/high-res
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

model=${1:?usage: submit.sh MODEL RUNS [sbatch options]}
runs=${2:?usage: submit.sh MODEL RUNS [sbatch options]}
shift 2
case "$model" in
  molmoe-1b) caption_nodes=1 sft_nodes=8 ;;
  molmo-7b-o | molmo-7b-d) caption_nodes=8 sft_nodes=16 ;;
  molmo-72b) caption_nodes=16 sft_nodes=32 ;;
  *) echo "[submit] unknown model $model, expected molmoe-1b, molmo-7b-o, molmo-7b-d or molmo-72b" >&2; exit 2 ;;
esac

last=""
submit() {  # STAGE NODES [molmo options]
  local stage=$1 nodes=$2
  shift 2
  last=$(sbatch --parsable --job-name "$model-$stage" --nodes "$nodes" ${last:+--dependency "afterok:$last"} "${options[@]}" \
    scripts/slurm/train.sbatch "configs/train/$model/$stage.json" "$runs/$model/$stage" "$@")
  echo "$model $stage: job $last on $nodes nodes, $runs/$model/$stage"
}

options=("$@")
submit caption "$caption_nodes"
submit sft "$sft_nodes" --set init_from="$runs/$model/caption"
submit high-res "$sft_nodes" --set init_from="$runs/$model/sft"
