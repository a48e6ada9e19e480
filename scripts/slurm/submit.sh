#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Submits the stages of a model's recipes, each to start when the one before has ended well, with as many GPUs as the paper's
# runs had [P Table 8]. docs/cluster.md says what must be there before.
#
# Usage: scripts/slurm/submit.sh MODEL RUNS [sbatch options]
#   MODEL           molmoe-1b, molmo-7b-o, molmo-7b-d or molmo-72b (configs/train/MODEL)
#   RUNS            folder that gets one run folder per stage: RUNS/MODEL/caption, RUNS/MODEL/sft, RUNS/MODEL/high-res
#   sbatch options  such as --account A --partition P --time 24:00:00; --nodes N for another number of nodes
# Environment: MOLMO, MOLMO_RETRIES, MOLMO_FRUITLESS and MOLMO_RETRY_PAUSE, see scripts/slurm/train.sbatch
source "$(dirname "${BASH_SOURCE[0]}")/../prelude.sh"

(($# >= 2)) || fail "expected MODEL RUNS [sbatch options], see --help"
model=$1 runs=$2
shift 2
case "$model" in
  molmoe-1b) caption_nodes=1 sft_nodes=8 ;;
  molmo-7b-o | molmo-7b-d) caption_nodes=8 sft_nodes=16 ;;
  molmo-72b) caption_nodes=16 sft_nodes=32 ;;
  *) fail "unknown model '$model', expected molmoe-1b, molmo-7b-o, molmo-7b-d or molmo-72b" ;;
esac
command -v sbatch >/dev/null || fail "no sbatch on this machine: run on a login node of the cluster, or start without Slurm (docs/cluster.md)"
command -v "${MOLMO:-build/release/bin/molmo}" >/dev/null || fail "no program at ${MOLMO:-build/release/bin/molmo}: build it, or name it by MOLMO"

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
