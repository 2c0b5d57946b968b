#!/bin/sh
# A photograph through Sobel, blur, sharpen and maxpool, into the folder that is named (pictures).
# Sobel's results have both signs: --stretch shows the least as black and the largest as white.
set -eu
cd "$(dirname "$0")"
folder=${1:-pictures}
mkdir -p "$folder"
filter() { cnnops conv --padding same --padding-mode replicate --depthwise "$@"; }

cnnops conv --kernel grey.json --format npy chelsea.png |
    filter --kernel sobel.json --stretch --output "$folder/sobel.png"
filter --kernel blur.json --output "$folder/blur.png" chelsea.png
filter --kernel sharpen.json --output "$folder/sharpen.png" chelsea.png
cnnops maxpool --kernel 5 --stride 1 --padding 2 --output "$folder/maxpool.png" chelsea.png
