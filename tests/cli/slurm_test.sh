#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scripts/slurm/train.sbatch with an srun and an scontrol that the test brings.
set -euo pipefail
script=$(realpath "$1") submit=$(dirname "$(realpath "$1")")/submit.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir bin
export PATH=$work/bin:$PATH MOLMO_RETRY_PAUSE=0 MOLMO_RETRIES=6 SLURM_JOB_ID=42 SLURM_CPUS_PER_TASK=5 MOLMO=molmo

fail() { echo "slurm_test: $*" >&2; cat log >&2; exit 1; }
expect_code() { [ "$1" = "$2" ] || fail "exit code, got $1, expected $2"; }
expect_calls() { [ "$(wc -l <calls)" = "$1" ] || fail "calls of srun, got $(wc -l <calls), expected $1"; }
srun_does() { printf '#!/usr/bin/env bash\necho "$@" >>calls\n%s\n' "$1" >bin/srun; chmod +x bin/srun; : >calls; rm -rf run; mkdir run; }
start() { code=0; bash "$script" recipe.json run --set steps=3 >log 2>&1 || code=$?; }
printf '#!/usr/bin/env bash\necho "$@" >requeued\n' >bin/scontrol
chmod +x bin/scontrol

srun_does 'exit 0'
start
expect_code "$code" 0
expect_calls 1
grep -q -- '--cpus-per-task=5 .* molmo train recipe.json --out run --resume auto --device cuda --set steps=3' calls || fail "words of srun"

srun_does 'exit 2'  # the user's error is not tried again
start
expect_code "$code" 2
expect_calls 1

srun_does 'n=$(wc -l <calls); echo "step$n" >run/latest; [ "$n" -lt 5 ] && exit 75; exit 0'  # goes on and on
start
expect_code "$code" 0
expect_calls 5

srun_does 'exit 75'  # gets nowhere
start
expect_code "$code" 75
expect_calls 3
grep -q 'gave up after 3 starts without a new checkpoint' log || fail "why it gave up"

for killed in 134 137 139 143; do  # of ranks that were killed too, while the run gets on
  srun_does "n=\$(wc -l <calls); echo \"step\$n\" >run/latest; [ \"\$n\" -lt 5 ] && exit $killed; exit 0"
  start
  expect_code "$code" 0
  expect_calls 5
done
srun_does 'exit 139'
start
expect_code "$code" 139
expect_calls 3

srun_does 'echo "step$RANDOM" >run/latest; exit 75'
start
expect_code "$code" 75
expect_calls 7
grep -q 'gave up after 6 restarts' log || fail "why it gave up"

# Asked to stop: the step hears of it, saves, and the job is queued again.
for signal in TERM USR1; do
  rm -f saved started requeued
  srun_does 'trap "echo saved >saved; exit 75" TERM; touch started; for i in $(seq 200); do sleep 0.05; done; exit 1'
  bash "$script" recipe.json run >log 2>&1 &
  job=$!
  for _ in $(seq 200); do [ -e started ] && break; sleep 0.05; done
  kill "-$signal" "$job"
  code=0; wait "$job" || code=$?
  expect_code "$code" 0
  [ -e saved ] || fail "the step was not told of SIG$signal"
  [ "$(cat requeued)" = "requeue 42" ] || fail "the job was not queued again"
  expect_calls 1
done

# Between two starts: it is not started once more.
rm -f requeued
srun_does 'echo "step$RANDOM" >run/latest; exit 75'
MOLMO_RETRY_PAUSE=1 bash "$script" recipe.json run >log 2>&1 &
job=$!
for _ in $(seq 200); do [ -s calls ] && break; sleep 0.05; done
sleep 0.3
kill -TERM "$job"
code=0; wait "$job" || code=$?
expect_code "$code" 0
expect_calls 1
[ "$(cat requeued)" = "requeue 42" ] || fail "the job was not queued again"

# submit.sh: help, what is wrong, and three jobs that wait for each other.
"$submit" --help | grep -q 'Usage: scripts/slurm/submit.sh MODEL RUNS' || fail "no help"
submit_says() {  # TEXT [arguments]: it ends with 2 and says so
  code=0; "$submit" "${@:2}" >log 2>&1 || code=$?
  expect_code "$code" 2
  grep -qF -- "$1" log || fail "expected: $1"
}
export MOLMO=/bin/true
submit_says "expected MODEL RUNS [sbatch options], see --help" molmo-7b-d
submit_says "unknown model 'molmo-7b', expected molmoe-1b" molmo-7b runs
PATH=/usr/bin:/bin submit_says "no sbatch on this machine" molmo-7b-d runs
printf '#!/usr/bin/env bash\necho "$@" >>%q\nwc -l <%q\n' "$work/jobs" "$work/jobs" >bin/sbatch
chmod +x bin/sbatch
MOLMO=$work/none submit_says "no program at $work/none" molmo-7b-d runs
"$submit" molmo-7b-d /runs --account me --time 24:00:00 >log 2>&1 || fail "submit.sh failed"
[ "$(wc -l <jobs)" = 3 ] || fail "jobs, got $(wc -l <jobs), expected 3"
sed -n 1p jobs | grep -q -- '--nodes 8 --account me --time 24:00:00 .*molmo-7b-d/caption.json /runs/molmo-7b-d/caption$' || fail "first job: $(sed -n 1p jobs)"
sed -n 3p jobs | grep -q -- '--nodes 16 --dependency afterok:2 --account me .* --set init_from=/runs/molmo-7b-d/sft$' || fail "third job: $(sed -n 3p jobs)"
