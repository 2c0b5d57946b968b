"""Words that are not known are answered with what was meant, or with nothing that misleads."""

import pytest
import typer

from cnnops_cli.app import OPERATORS, Operators
from cnnops_cli.hints import _MEANINGS, hint
from cnnops_cli.words import DTYPES, FORMATS, LAYOUTS, PADDING_MODES, PADDING_WORDS

CHOICES = {
    "command": OPERATORS,
    "dtype": DTYPES,
    "layout": LAYOUTS,
    "format": FORMATS,
    "padding": PADDING_WORDS,
    "padding mode": PADDING_MODES,
}


def options_of(command):
    made = Operators(name="cnnops").get_command(None, command)
    params = made.get_params(typer.Context(made))
    return [name for param in params for name in (*param.opts, *param.secondary_opts)]


@pytest.mark.parametrize(
    ("command", "option", "meant"),
    [
        ("conv", "--weight", "did you mean --kernel?"),
        ("conv", "--weights", "did you mean --kernel?"),
        ("conv", "--filter", "did you mean --kernel?"),
        ("conv", "--filters", "did you mean --kernel (a tensor) or --out-channels (a number)?"),
        ("conv", "--out_channels", "did you mean --out-channels?"),
        ("conv", "--kernel_size", "did you mean --kernel-size?"),
        ("conv", "--kernel-shape", "did you mean --kernel-size?"),
        ("conv", "--in-channels", "the input channels come from INPUT"),
        ("conv", "--in_channels", "the input channels come from INPUT"),
        ("conv", "--batch", "the batch comes from INPUT, as (N, C, ...)"),
        ("conv", "--batch-size", "the batch comes from INPUT, as (N, C, ...)"),
        ("conv", "--strides", "did you mean --stride?"),
        ("conv", "--dilations", "did you mean --dilation?"),
        ("conv", "--dilation-rate", "did you mean --dilation?"),
        ("conv", "--group", "did you mean --groups?"),
        ("conv", "--pads", "did you mean --padding?"),
        ("conv", "--auto-pad", "did you mean --padding?"),
        ("conv", "--pad-mode", "did you mean --padding-mode?"),
        ("conv", "--boundary", "did you mean --padding-mode?"),
        ("conv", "--mode", "did you mean --padding or --padding-mode?"),
        ("conv", "--use-bias", "a new layer has a bias without --no-bias"),
        ("conv", "--data-format", "did you mean --layout?"),
        ("conv", "--channels-last", "did you mean --layout channels-last?"),
        ("conv", "--stride-h", "did you mean --stride H,W?"),
        ("conv", "--input", "INPUT is given without an option"),
        ("conv", "--tolerance", "did you mean --rtol or --atol?"),
        ("conv", "--dt", "did you mean --dtype?"),
        ("maxpool", "--size", "did you mean --kernel?"),
        ("maxpool", "--pool-size", "did you mean --kernel?"),
        ("maxpool", "--pool_size", "did you mean --kernel?"),
        ("maxpool", "--return-indices", "did you mean --indices?"),
        ("maxpool", "--ceil", "did you mean --ceil-mode?"),
        ("maxpool", "--strides", "did you mean --stride?"),
        ("batchnorm", "--epsilon", "did you mean --eps?"),
        ("batchnorm", "--moving-mean", "did you mean --running-mean?"),
        ("batchnorm", "--moving_variance", "did you mean --running-var?"),
        ("batchnorm", "--scale", "did you mean --weight?"),
        ("batchnorm", "--training", "did you mean --train?"),
        ("batchnorm", "--evl", "did you mean --eval?"),
        ("batchnorm", "--decay", "the share of the new batch is --momentum: 1 - decay"),
        ("batchnorm", "--num-features", "the channels come from INPUT"),
        ("batchnorm", "--affine", "without --weight and --bias nothing is scaled or shifted"),
        ("dropout", "--rate", "did you mean --p?"),
        ("dropout", "--ratio", "did you mean --p?"),
        ("dropout", "--keep-prob", "the chance of being dropped is --p: 1 - keep_prob"),
        ("dropout", "--noise-shape", "did you mean --channelwise?"),
        ("dropout", "--random-seed", "did you mean --seed?"),
        ("dropout", "--inference", "did you mean --eval?"),
    ],
)
def test_an_option_of_the_field(refused_here, command, option, meant):
    assert refused_here(command, option, "1") == (
        f"cnnops {command}: error: no such option: {option}; {meant}"
    )


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *[("conv", name) for name in ("--size", "--ceil-mode", "--activation", "-n")],
        *[("maxpool", name) for name in ("--weight", "--bias", "--seed-h", "--inplace")],
        *[("batchnorm", name) for name in ("--strides", "--kernel", "--p")],
        *[("dropout", name) for name in ("--relu", "--inplace", "--pool-size", "--n", "--s")],
    ],
)
def test_nothing_is_better_than_what_misleads(refused_here, command, option):
    assert (
        refused_here(command, option, "1") == f"cnnops {command}: error: no such option: {option}"
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *[("conv2d", "conv"), ("Conv2d", "conv"), ("nn.Conv2d", "conv"), ("covn", "conv")],
        *[("maxpool2d", "maxpool"), ("max_pool2d", "maxpool"), ("max-pool", "maxpool")],
        *[("F.max_pool2d", "maxpool"), ("MaxPooling2D", "maxpool"), ("maxpol", "maxpool")],
        *[("bn", "batchnorm"), ("batch_norm", "batchnorm"), ("BatchNorm2d", "batchnorm")],
        *[("BatchNormalization", "batchnorm"), ("dropout2d", "dropout")],
    ],
)
def test_a_command_of_the_field(refused_here, typed, meant):
    there_are = "there are conv, maxpool, batchnorm, dropout"
    assert refused_here(typed, "x.npy") == (
        f"cnnops: error: no such command: {typed}; {there_are}; did you mean {meant}?"
    )


@pytest.mark.parametrize(
    "typed", ["avgpool", "minpool", "relu", "linear", "deconv", "layernorm", "softmax", "con"]
)
def test_a_command_that_there_is_not(refused_here, typed):
    expected = f"cnnops: error: no such command: {typed}; there are {', '.join(OPERATORS)}"
    if typed == "con":
        expected += "; did you mean conv?"
    assert refused_here(typed, "x.npy") == expected


@pytest.mark.parametrize(
    ("subject", "word", "meant"),
    [
        *[("dtype", "half", "float16"), ("dtype", "fp16", "float16"), ("dtype", "fp32", "float32")],
        *[("dtype", "double", "float64"), ("dtype", "f4", "float32"), ("dtype", "<f4", "float32")],
        *[("dtype", "np.float32", "float32"), ("dtype", "torch.float32", "float32")],
        *[("dtype", "Float32", "float32"), ("dtype", "torch.half", "float16")],
        *[
            ("dtype", "uint8_t", "uint8"),
            ("dtype", "long", "int64"),
            ("dtype", "flaot32", "float32"),
        ],
        *[("dtype", "float", "float32 or float64"), ("dtype", "int", "int32 or int64")],
        *[("layout", "NCHW", "channels-first"), ("layout", "NHWC", "channels-last")],
        *[
            ("layout", "channels_last", "channels-last"),
            ("layout", "channel-last", "channels-last"),
        ],
        *[("padding", "SAME", "same"), ("padding", "VALID", "valid"), ("padding", "smae", "same")],
        *[("padding", "SAME_UPPER", "same-upper"), ("padding", "same,same", "same")],
        *[("padding mode", "constant", "zeros"), ("padding mode", "edge", "replicate")],
        *[("padding mode", "border", "replicate"), ("padding mode", "wrap", "circular")],
        *[("padding mode", "mirror", "reflect"), ("padding mode", "reflekt", "reflect")],
        *[("format", "numpy", "npy"), ("format", "text", "table"), ("format", "jsno", "json")],
    ],
)
def test_a_word_of_the_field(refused_here, subject, word, meant):
    option = f"--{subject.replace(' ', '-')}"
    assert refused_here("conv", "-k", "[[1]]", option, word, "[[1]]").endswith(
        f"; did you mean {meant}?"
    )


@pytest.mark.parametrize(
    ("subject", "word", "said"),
    [
        ("dtype", "bfloat16", "every bfloat16 fits float32"),
        ("format", "npz", "archives go to --output"),
        ("format", "png", "pictures go to --output"),
        ("padding", "full", "for padding of dilation * (kernel - 1) on both sides give a number"),
        ("padding", "reflect", "the padded values are set by --padding-mode reflect"),
        ("padding", "constant", "the padded values are set by --padding-mode zeros"),
        ("padding mode", "symmetric", "no mode reflects with the edge repeated"),
        ("padding mode", "same", "the amount of padding is set by --padding"),
    ],
)
def test_a_word_that_has_no_likeness_is_explained(subject, word, said):
    assert hint(word, CHOICES[subject], subject) == said


@pytest.mark.parametrize(
    ("subject", "word"),
    [
        *[
            ("dtype", word)
            for word in ("float128", "float8", "int4", "complex64", "object", "int63")
        ],
        *[("layout", word) for word in ("any", "HW", "channels")],
        *[("padding", word) for word in ("auto", "SAME_UP_OR_LOW")],
        *[("padding mode", word) for word in ("random", "median")],
        *[("format", word) for word in ("csv", "yaml")],
    ],
)
def test_a_word_that_means_nothing_here(subject, word):
    assert hint(word, CHOICES[subject], subject) == ""


@pytest.mark.parametrize("command", OPERATORS)
def test_what_the_tables_name_is_there_and_is_no_word_for_something_else(command):
    known = options_of(command)
    for table in (command, "any"):
        for meaning, words in _MEANINGS[table].items():
            named = [word.strip(":?") for word in meaning.split() if word.startswith("--")]
            assert table == "any" or set(named) <= set(known)
            assert not {f"--{word}" for word in words.split()} & set(known) or table == "any"


@pytest.mark.parametrize("subject", CHOICES)
def test_the_tables_do_not_answer_what_is_accepted(subject):
    words = [word for said in _MEANINGS[subject].values() for word in said.split()]
    assert len(words) == len(set(words))
    assert not set(words) & set(CHOICES[subject])
