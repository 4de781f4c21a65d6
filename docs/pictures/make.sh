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
"$plumbline" sweep "$root/scenarios/06_mt_nlg_530b.yaml" --quiet --svg "$here/lost_nodes.svg" \
  --set cluster.nodes=270 --set parallelism.zero_stage=1 --set training.recompute=selective \
  --set training.layers_per_stage=balanced --set 'name=MT-NLG 530B on 270 DGX A100' \
  --over parallelism.tensor=4,8 --over parallelism.pipeline=9,18,27,36,45,54,90 \
  --where 'gpus % (tensor * pipeline) == 0 && global_batch_size % data == 0'

if command -v chromium > /dev/null; then
  page=$(mktemp --suffix=.html)
  "$plumbline" run "$root/scenarios/01_first_run.yaml" --html "$page" > /dev/null
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1320,1900 \
    --screenshot="$here/page.png" "$page" 2> /dev/null
  rm "$page"
fi
