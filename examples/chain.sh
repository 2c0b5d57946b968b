#!/bin/sh
# One layer of a network on a handwritten digit: convolution, batch normalization, ReLU and dropout. Each
# step writes its result and its lesson into the folder that is named (chain).
set -eu
here=$(dirname "$0")
folder=${1:-chain}
mkdir -p "$folder"

# Two filters, for edges from left to right and from top to bottom, give two channels: (2, 6, 6).
cnnops conv --kernel '[[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]], [[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]]]' \
    --output "$folder/conv.json" --lesson "$folder/conv.html" "$here/digit.npy"

# batchnorm takes a batch; another pair of brackets makes one with a single sample: (1, 2, 6, 6). ReLU, which
# replaces negative values by 0, is an option of the step before it.
echo "[$(cat "$folder/conv.json")]" |
    cnnops batchnorm --relu --precision 3 \
        --output "$folder/batchnorm.npy" --lesson "$folder/batchnorm.html"

# Each value becomes 0 with probability 0.5, or is doubled. The seed makes it the same ones every time.
cnnops dropout -p 0.5 --seed 0 --precision 3 \
    --output "$folder/dropout.npy" --lesson "$folder/dropout.html" "$folder/batchnorm.npy"

echo "Open $folder/conv.html, batchnorm.html and dropout.html in a browser, in this order."
