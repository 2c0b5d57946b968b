#!/bin/sh
# Compare the output of another program with a golden file: the command that is given here, followed by
# digit.npy, writes its result to standard output as .npy or JSON.
#
#     ./own-kernel.sh ./my-kernel --fast
set -eu
here=$(dirname "$0")

"$@" "$here/digit.npy" | cnnops dropout --eval --expect "$here/digit-edges.json" --ulp 4
