#!/bin/sh
# Ends what its parent leaves behind. Reads "add ID KIND WHAT" and "drop ID" until standard input ends, which is when
# the parent has ended, in whatever way; then acts on all that was not dropped.
trap '' INT TERM HUP QUIT
ids=
left=0
while read -r verb id what; do
  case $verb in
    add) ids="$ids $id" left=$((left + 1)); eval "task_$id=\$what" ;;
    drop) left=$((left - 1)); unset "task_$id" ;;
  esac
done
[ "$left" -gt 0 ] || exit 0

# each KIND COMMAND...: runs the command on everything of that kind
each() {
  kind=$1
  shift
  for id in $ids; do
    eval "what=\${task_$id-}"
    [ "${what%% *}" != "$kind" ] || "$@" "${what#* }"
  done
}
# dash reads `kill -9 -- -1` as a bad number; this form works everywhere.
kill_group() { kill -s KILL -- "-$1"; }

each process-group kill_group
each container docker rm -f -v
each network docker network rm
# A killed server is gone a moment later, and must not write into a folder that is being removed.
sleep 0.2
each directory rm -rf --
