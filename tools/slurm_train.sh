#!/usr/bin/env bash
# Usage: [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]
# One task a GPU; GPUS=0 trains with one task on the CPU.
set -eu
if [ "$#" -lt 4 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
partition=$1
name=$2
config=$3
work_dir=$4
shift 4
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-8}
if [ "$gpus" -lt "$per_node" ]; then per_node=$gpus; fi
if [ "$gpus" = 0 ]; then
    tasks=(--ntasks=1)
else
    tasks=(--gres="gpu:$per_node" --ntasks="$gpus" --ntasks-per-node="$per_node")
fi
# shellcheck disable=SC2086 # SRUN_ARGS are several
exec srun --partition="$partition" --job-name="$name" "${tasks[@]}" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$config" --work-dir="$work_dir" --launcher slurm "$@"
