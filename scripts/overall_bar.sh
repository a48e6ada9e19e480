# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# One bar over the parts of a long job, each with the seconds that it is expected to take. Sourced, after prelude.sh.
#
#   plan_parts tower 300 "training the tower" sft 240 "training SFT"
#   run_part tower COMMAND...
#
# The command's stderr goes to $part_log, its stdout follows when it has ended. On a terminal the bar is redrawn every
# second; elsewhere a part is a line when it begins. A part's share done is what `part_fraction NAME` prints in
# thousandths, where the sourcing script has such a function and it knows; the clock's otherwise.

part_log=${part_log:-/dev/null}
declare -A part_seconds=() part_titles=()
parts_total=0  # seconds of all parts, as planned
parts_done=0   # seconds of those that have ended, as planned
parts_pace=100 # measured seconds per 100 planned ones, in the last part that told

plan_parts() {  # NAME SECONDS TITLE...
  while (($# > 0)); do
    part_seconds[$1]=$2 part_titles[$1]=$3
    parts_total=$((parts_total + $2))
    shift 3
  done
}

format_minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Of a part that began at $2 with $3 thousandths done (what a stopped run had left): thousandths, by its own word or by
# the clock. Sets fraction and, once it can be told, parts_pace.
measure_part() {  # NAME BEGAN FIRST
  local elapsed=$(($(date +%s) - $2))
  fraction=$(part_fraction "$1" 2>/dev/null) || true
  if [[ -z $fraction ]]; then
    fraction=$((elapsed * 1000 / part_seconds[$1]))
  elif ((fraction - $3 >= 50)); then
    parts_pace=$((elapsed * 100000 / (part_seconds[$1] * (fraction - $3))))
  fi
  if ((fraction > 990)); then fraction=990; fi
}

# Sets percent and left ("9:30") of all parts, with `fraction` thousandths of one done.
measure_all() {  # NAME
  local planned=$((parts_done + part_seconds[$1] * fraction / 1000))
  percent=$((planned * 100 / parts_total))
  left=$(format_minutes $(((parts_total - planned) * parts_pace / 100)))
}

draw_bar() {  # NAME BEGAN FIRST: until it is killed or the script is gone
  local fraction percent left bar
  while kill -0 $$ 2>/dev/null; do
    measure_part "$@"
    measure_all "$1"
    printf -v bar '%*s' $((percent * 3 / 10)) ''
    printf '\r\033[K[%s] [%-30s] %2d %%  %s, about %s left' "$script_name" "${bar// /#}" "$percent" "${part_titles[$1]}" "$left" >&2
    sleep 1
  done
}

run_part() {  # NAME COMMAND...
  local name=$1 began first fraction percent left status=0 drawer="" output
  shift
  began=$(date +%s)
  first=$(part_fraction "$name" 2>/dev/null) || true
  fraction=${first:=0}
  measure_all "$name"
  if [[ -t 2 ]]; then
    draw_bar "$name" "$began" "$first" &
    drawer=$!
  else
    say "${part_titles[$name]} ($percent % done, about $left left)"
  fi
  output=$("$@" 2>>"$part_log") || status=$?
  if [[ -n $drawer ]]; then
    kill "$drawer" 2>/dev/null || true
    wait "$drawer" 2>/dev/null || true
    printf '\r\033[K' >&2
  fi
  if ((status != 0)); then
    tail -n 20 "$part_log" >&2
    say "${part_titles[$name]}: ended with exit code $status; its last lines stand above, all of them in $part_log" >&2
    exit "$status"
  fi
  measure_part "$name" "$began" "$first"
  parts_done=$((parts_done + part_seconds[$name]))
  if [[ -t 2 ]]; then say "${part_titles[$name]}: $(($(date +%s) - began)) s"; else say "  took $(($(date +%s) - began)) s"; fi
  if [[ -n $output ]]; then printf '%s\n' "$output"; fi
}
