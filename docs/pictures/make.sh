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

if command -v chromium > /dev/null; then
  page=$(mktemp --suffix=.html)
  "$plumbline" run "$root/scenarios/01_first_run.yaml" --html "$page" > /dev/null
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1320,1900 \
    --screenshot="$here/page.png" "$page" 2> /dev/null
  rm "$page"
fi
