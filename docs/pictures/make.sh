#!/bin/sh
# Makes the pictures of this folder anew: docs/pictures/make.sh build/sim/cli/plumbline
# The page's picture needs chromium, the others nothing.
set -eu
plumbline=$1
here=$(dirname "$0")
root=$(cd "$here/../.." && pwd)

picture() {  # NAME SCENARIO
  "$plumbline" run "$root/scenarios/$2" --svg "$here/$1.svg" > /dev/null
}
picture timeline_1f1b 01_first_run.yaml
picture timeline_interleaved 03_interleaved.yaml
"$plumbline" sweep "$root/scenarios/14_stage_count.yaml" --quiet --svg "$here/stage_count.svg"
# docs/examples_*.md
"$plumbline" sweep "$root/scenarios/01_first_run.yaml" --quiet --svg "$here/equal_cost.svg" \
  --set 'parallelism={tensor: 8, sequence_parallel: true}' --set training.global_batch_size=1536 \
  --set training.software=megatron_core_2024 --set training.recompute=selective \
  --set 'name=GPT-3 175B for 192 USD an hour' --over 'cluster={gpu: a100_sxm_80g, gpus_per_node: 8, nodes: 12, intra_node: nvlink3, inter_node: ib_hdr200},{gpu: h100_sxm_80g, gpus_per_node: 8, nodes: 8, intra_node: nvlink4, inter_node: ib_ndr400},{gpu: b200_sxm_180g, gpus_per_node: 8, nodes: 4, intra_node: nvlink5, inter_node: ib_ndr400}' \
  --over parallelism.pipeline=1,2,4,8
"$plumbline" sweep "$root/scenarios/06_mt_nlg_530b.yaml" --quiet --svg "$here/lost_nodes.svg" \
  --set cluster.nodes=270 --set parallelism.zero_stage=1 --set training.recompute=selective \
  --set training.layers_per_stage=balanced --set 'name=MT-NLG 530B on 270 DGX A100' \
  --over parallelism.tensor=4,8 --over parallelism.pipeline=9,18,27,36,45,54,90 \
  --where 'gpus % (tensor * pipeline) == 0 && global_batch_size % data == 0'
# docs/sweeps.md
"$plumbline" sweep "$root/scenarios/20_serving.yaml" --quiet --svg "$here/serving_stages.svg" \
  --set "name=Llama 3 70B on eight H100" \
  --over 'parallelism={tensor: 8, pipeline: 1},{tensor: 4, pipeline: 2},{tensor: 2, pipeline: 4}' \
  --over serving.requests.poisson.rate_per_s=1,2,4,6,8,10,12

if command -v chromium > /dev/null; then
  page=$(mktemp --suffix=.html)
  "$plumbline" run "$root/scenarios/01_first_run.yaml" --html "$page" > /dev/null
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1320,1900 \
    --screenshot="$here/page.png" "$page" 2> /dev/null
  rm "$page"
fi
