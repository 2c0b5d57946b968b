#!/bin/sh
# Two batches of twelve iris flowers, four measurements each: train on both, carrying the running
# statistics in a file, then normalise one more flower with them.
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
state=$folder/iris.npz

cnnops batchnorm --momentum none --save-state "$state" iris-1.json >"$folder/first.json"
cnnops batchnorm --momentum none --state "$state" --save-state "$state" iris-2.json >"$folder/second.json"
cnnops batchnorm --eval --state "$state" --precision 3 '[[5.1, 3.5, 1.4, 0.2]]'
