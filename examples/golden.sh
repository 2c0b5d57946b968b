#!/bin/sh
# Golden files for a kernel of one's own: exit status 0 where everything is as it was. Integers are
# compared exactly, floating point within a tolerance, so that the files hold on every machine.
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

cnnops conv --kernel sobel.json digit.npy --expect digit-edges.json
cnnops batchnorm --dtype float32 iris-1.json --output "$folder/normed.npy"
cnnops batchnorm --dtype float32 --output "$folder/again.npy" iris-1.json --expect "$folder/normed.npy" --ulp 4 --quiet

# A change is seen, shown, and taken over only when that is asked for.
cp digit-edges.json "$folder/edges.json"
cnnops conv --kernel sobel.json --bias 1 digit.npy --expect "$folder/edges.json" --quiet || echo "status $?"
cnnops conv --kernel sobel.json --bias 1 digit.npy --expect "$folder/edges.json" --update-expected --quiet
cnnops conv --kernel sobel.json --bias 1 digit.npy --expect - <"$folder/edges.json"
