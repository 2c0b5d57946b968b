#!/bin/sh
# Edges of a photograph (48, 64, 3), stored channels-last: Sobel on every channel, then the strongest
# edge of each 16 by 16 block. The pipe carries .npy, so that nothing is turned into text on the way.
set -eu
cd "$(dirname "$0")"

cnnops conv --kernel sobel.json --depthwise --padding same --padding-mode replicate \
    --layout channels-last --format npy cat.npy |
    cnnops maxpool --kernel 16 --layout channels-last --format table
