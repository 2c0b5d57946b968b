"""What an unknown word was meant to be; imported only when there is one.

First the words of PyTorch, Keras, ONNX, NumPy and drivers are looked up, then the nearest accepted
word is taken if it is very near. No hint is better than a misleading one.
"""

import re
from collections.abc import Sequence

_SHORTEST_STEM = 3
"""The fewest letters of a word that is taken for a misspelling or the start of another."""
_LONG = 6
"""Words of at least this many letters are recognised after two edits."""

_MEANINGS: dict[str, dict[str, str]] = {
    "command": {
        "conv": "convolve convolution convolution2d cross-correlation correlate correlate2d "
        "convolve2d depthwise-conv2d",
        "maxpool": "pool maxpooling maxpooling1d maxpooling2d maxpooling3d",
        "batchnorm": "bn bn1d bn2d bn3d batch-normalization batch-normalisation",
        "dropout": "drop spatial-dropout1d spatial-dropout2d spatial-dropout3d",
        "": "minpool",
    },
    "dtype": {
        "float16": "half fp16 f16 f2 e",
        "float32": "single fp32 f32 f4 f",
        "float64": "double fp64 f64 f8 d",
        "float32 or float64": "float floating real",
        "int8": "char i1 s8 signed-char",
        "int16": "short i2 i16 s16",
        "int32": "i4 i32 s32 intc",
        "int32 or int64": "int integer",
        "int8 or int64": "i8",
        "int64": "long long-long i64 s64",
        "uint8": "byte ubyte u1",
        "uint8 or uint64": "u8",
        "uint16": "ushort u2 u16",
        "uint32": "uintc u4 u32",
        "uint64": "uint ulong u64 ulonglong",
        "bool": "boolean",
        "every bfloat16 fits float32": "bfloat16 bf16",
    },
    "layout": {
        "channels-first": "nchw ncl ncw ncdhw chw cdhw first",
        "channels-last": "nhwc nlc nwc ndhwc hwc dhwc last",
    },
    "format": {
        "table": "text txt pretty rich human view terminal",
        "json": "jsonl ndjson",
        "npy": "numpy binary raw",
        "archives go to --output": "npz",
        "pictures go to --output": "png jpg jpeg webp tif tiff bmp",
        "coloured views go to --view": "svg html",
    },
    "padding": {
        "for padding of dilation * (kernel - 1) on both sides give a number": "full",
        "for padding of half the kernel on both sides use same, or a number": "half",
        "causal padding is a begin:end pair, as 2:0": "causal",
        "no padding is 0": "none",
        "the padded values are set by --padding-mode reflect": "reflect reflect-pad reflection "
        "mirror",
        "the padded values are set by --padding-mode replicate": "replicate replication edge "
        "border nearest",
        "the padded values are set by --padding-mode circular": "circular wrap periodic",
        "the padded values are set by --padding-mode zeros": "zeros zero constant fill",
    },
    "padding mode": {
        "zeros": "constant zero fill zero-padding grid-constant",
        "replicate": "edge border nearest clamp replication extend",
        "circular": "wrap periodic grid-wrap",
        "reflect": "mirror reflection reflect-pad reflect101",
        "no mode reflects with the edge repeated": "symmetric grid-mirror",
        "the amount of padding is set by --padding": "same valid full same-upper same-lower",
    },
    "conv": {
        "--kernel": "weight weights filter w kernel-file",
        "--kernel (a tensor) or --out-channels (a number)": "filters",
        "--kernel-size": "kernel-shape filter-size ksize k-size fil-h fil-w kernel-h kernel-w",
        "--out-channels": "num-filters n-filters out output-channels num-outputs oc out-features",
        "--groups": "group num-groups group-count feature-group-count",
        "--bias": "biases offset b",
        "--no-bias": "without-bias",
        "a new layer has a bias without --no-bias": "use-bias",
        "--padding-mode": "pad-mode boundary",
        "--padding or --padding-mode": "mode",
        "--depthwise": "depthwise-conv dw",
        "--with-input": "show-input show-kernel",
        "the input channels come from INPUT": "in-channels input-channels in-features ic "
        "num-features channels num-channels",
    },
    "maxpool": {
        "--kernel": "size pool-size pool-shape ksize k-size window window-size window-shape "
        "kernel-shape win-h win-w kernel-h kernel-w filter-size pool",
        "--indices": "return-indices with-indices argmax",
        "--stride H,W": "pool-stride-h pool-stride-w",
        "the channels come from INPUT": "channels in-channels out-channels num-features",
    },
    "batchnorm": {
        "--weight": "scale w",
        "--bias": "shift offset b",
        "--running-mean": "mean moving-mean input-mean mu estimated-mean",
        "--running-var": "var variance moving-variance moving-var input-var running-variance "
        "estimated-variance",
        "--eps": "epsilon",
        "--train or --eval": "mode",
        "--eval": "use-global-stats no-train no-training",
        "--state": "load state-dict stats",
        "--save-state": "save save-stats",
        "the share of the new batch is --momentum: 1 - decay": "decay",
        "the channels come from INPUT": "num-features channels num-channels in-channels",
        "without --weight and --bias nothing is scaled or shifted": "affine no-affine center",
        "running statistics are kept with --state and --save-state": "track-running-stats",
        "channels are axis 1, or the last with --layout channels-last": "axis axes dim channel-axis"
        " ch-axis",
    },
    "dropout": {
        "--p": "rate prob probability chance ratio drop drop-prob drop-rate dropout-rate dropout",
        "the chance of being dropped is --p: 1 - keep_prob": "keep-prob keep keep-rate",
        "--channelwise": "spatial per-channel 2d noise-shape",
        "--mask-output": "return-mask save-mask output-mask",
        "--train or --eval": "mode",
        "--eval": "no-train no-training",
    },
    "any": {
        "--stride": "strides step steps subsample conv-stride pool-stride",
        "--stride H,W": "stride-h stride-w stride-x stride-y conv-stride-h conv-stride-w",
        "--padding": "pad pads auto-pad",
        "--padding H,W": "pad-h pad-w padding-h padding-w pad-x pad-y",
        "--dilation": "dilations dilation-rate dilate atrous",
        "--dilation H,W": "dilation-h dilation-w",
        "--dims": "dim ndim ndims rank nd spatial-dim spatial-dims dimensions",
        "--layout": "data-format data-layout memory-format",
        "--layout channels-last": "channels-last nhwc hwc nlc ndhwc",
        "--layout channels-first": "channels-first nchw chw ncl ncdhw",
        "--dtype": "dt type data-type astype as-type",
        "--output": "out outfile out-file output-file o save-as",
        "--expect": "expected golden reference compare check assert",
        "--rtol or --atol": "tol tolerance",
        "--atol": "absolute-tolerance abs-tol",
        "--rtol": "relative-tolerance rel-tol",
        "--precision": "decimals digits round",
        "--threads": "num-threads nthreads jobs j workers num-workers",
        "--quiet": "silent",
        "--lines": "jsonl ndjson stream",
        "--train": "training is-training train-mode",
        "--eval": "evaluate inference infer test testing",
        "--seed": "random-seed manual-seed rng random-state dropout-seed",
        "INPUT is given without an option": "in input inputs input-file infile x file tensor",
        "the batch comes from INPUT, as (N, C, ...)": "batch batch-size mb",
        "the sizes come from INPUT": "height width in-h in-w input-size input-shape in-size",
    },
}  # fmt: skip
"""By the kind of word: what is meant, and the words that other tools have for it.

A meaning that begins with an accepted word follows "did you mean"; any other is the whole hint, and
an empty one gives none. Options have a table for each command, and one for any.
"""


def hint(word: str, accepted: Sequence[str], subject: str = "") -> str:
    """Return what an unknown word was meant to be, in a few words; empty if that is unclear.

    `subject` is the name of a choice, or the command that has no such option.

    Examples
    --------
    >>> hint("border", ["zeros", "replicate"], "padding mode")
    'did you mean replicate?'
    >>> hint("flaot32", ["float16", "float32"]), hint("float128", ["float16", "float32"])
    ('did you mean float32?', '')
    """
    parts = set(word.split(","))
    if len(parts) == 1:  # the same word for each axis
        (word,) = parts
    meaning = _spelt_otherwise(word, accepted)
    if meaning is None:
        meaning = _in_other_words(word, accepted, subject)
    if meaning is None:
        meaning = _begun(word, accepted) or _nearest(word, accepted)
    return f"did you mean {meaning}?" if meaning.split(" ")[0] in accepted else meaning


def _spelt_otherwise(word: str, accepted: Sequence[str]) -> str | None:
    """Find a word that differs only in case, punctuation, a module's name or dimensions."""
    names = {_letters(known): known for known in accepted}
    return next((names[each] for each in _spellings(word) if each in names), None)


def _in_other_words(word: str, accepted: Sequence[str], subject: str) -> str | None:
    """Look a word up in the tables; a meaning that is an option has to be one of this command."""
    tables = (subject, "any") if word.startswith("-") and subject in _MEANINGS else (subject,)
    for table in tables:
        for meaning, words in _MEANINGS.get(table, {}).items():
            is_here = not meaning.startswith("--") or meaning.split(" ")[0] in accepted
            if is_here and not set(_spellings(word)).isdisjoint(map(_letters, words.split())):
                return meaning
    return None


def _spellings(word: str) -> list[str]:
    """Spell a word plainly: as it is, without a module's name, and without its dimensions."""
    plain = _letters(word)
    bare = _letters(word.rpartition(".")[2])
    return [plain, bare, re.sub(r"_t$", "", word.lower()), re.sub(r"[123]d$", "", bare)]


def _letters(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _begun(word: str, accepted: Sequence[str]) -> str:
    """Return the shortest accepted word that a word begins, if all others begin with that one."""
    begun = [known for known in accepted if known.startswith(word.lower())]
    stem = min(begun, key=len, default="")
    is_clear = len(_letters(word)) >= _SHORTEST_STEM
    return stem if is_clear and all(known.startswith(stem) for known in begun) else ""


def _nearest(word: str, accepted: Sequence[str]) -> str:
    """Find the only word that is one edit away, or two if it is long; digits have to agree."""
    near: dict[int, list[str]] = {}
    for known in accepted:
        length = min(len(_letters(word)), len(_letters(known)))
        most = 0 if length < _SHORTEST_STEM else 1 if length < _LONG else 2
        if abs(len(word) - len(known)) > most:
            continue
        edits = _edits(word.lower(), known)
        if edits <= most and _digits(word) == _digits(known):
            near.setdefault(edits, []).append(known)
    closest = near[min(near)] if near else []
    return closest[0] if len(closest) == 1 else ""


def _digits(word: str) -> list[str]:
    return sorted(re.findall(r"\d", word))


def _edits(one: str, other: str) -> int:
    """Count the letters to insert, delete, replace or swap with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted)))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                row[-1] = min(row[-1], above[j - 2] + 1)
    return row[-1]
