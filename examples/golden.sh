#!/bin/sh
# A golden file for a kernel of one's own: the reference, byte for byte, against what is kept.
# Integers are exact everywhere; for floating point add --precision 4.
set -eu
cd "$(dirname "$0")"

cnnops conv --kernel sobel.json digit.npy | cmp - digit-edges.json && echo "conv is as it was"
cnnops dropout --seed 7 digit.npy | cnnops maxpool --kernel 4
