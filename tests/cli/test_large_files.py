"""Large files: mapped, and byte for byte what the same call gives in memory."""

import os
import resource
import shutil

import numpy as np
import pytest

from cnnops_cli.tensors import mapped


def done(result) -> None:
    assert (result.status, result.err) == (0, "")


ONE_RESULT = {
    "x": [
        "maxpool -k 2 x.npy",
        "maxpool -k 3 -s 1 -p 1 x.npy",
        "maxpool -k 3 -s 2 -d 2 --ceil-mode x.npy",
        "batchnorm x.npy",
        "batchnorm --eval --state state.npz --weight 2 --bias 1 x.npy",
        "batchnorm --relu x.npy",
        "batchnorm --eval --relu x.npy",
        "maxpool -k 2 --relu x.npy",
        "maxpool -k 1 --relu x.npy",
        "dropout --seed 3 x.npy",
        "dropout --seed 3 -p 0.9 x.npy",
        "dropout -p 0 x.npy",
        "dropout --seed 3 --channelwise x.npy",
        "batchnorm --dtype float16 x.npy",
        "batchnorm --dtype float64 x.npy",
        "maxpool -k 2 --dtype float16 x.npy",
        "maxpool -k 1 --dtype int8 x.npy",
        "dropout --seed 3 --dtype float16 x.npy",
        "conv --out-channels 8 --kernel-size 3 --seed 1 x.npy",
        "conv --out-channels 8 --kernel-size 3 --seed 1 --save-kernel k.npz x.npy",
        "conv --depthwise -k [[1,2],[3,4]] x.npy",
        "conv --depthwise -k [[1,2],[3,4]] -p same --padding-mode reflect x.npy",
        "conv --depthwise -k [[1,2],[3,4]] --relu x.npy",
    ],
    "x16": ["batchnorm x16.npy", "dropout --seed 3 x16.npy", "maxpool -k 2 x16.npy"],
    "x64": ["batchnorm x64.npy", "dropout --seed 3 x64.npy", "maxpool -k 2 x64.npy"],
    "strange": [
        "batchnorm strange.npy",
        "batchnorm --relu strange.npy",
        "maxpool -k 2 --relu strange.npy",
        "dropout --seed 3 strange.npy",
        "conv --depthwise -k [[1,2],[3,4]] --relu strange.npy",
    ],
    "bytes": [
        "maxpool -k 2 bytes.npy",
        "batchnorm bytes.npy",
        "dropout --seed 3 bytes.npy",
        "conv --depthwise -k [[1,2],[3,4]] bytes.npy",
        "maxpool -k 2 --dtype float16 bytes.npy",
    ],
    "wide": ["maxpool -k 2 wide.npy", "conv --depthwise -k [[1,2],[3,4]] wide.npy"],
    "rows": ["batchnorm rows.npy", "dropout --seed 3 rows.npy"],
    "line": ["maxpool --dims 1 -k 2 line.npy", "batchnorm line.npy"],
    "volume": ["maxpool --dims 3 -k 2 -s 1 volume.npy", "batchnorm volume.npy"],
    "wide-plane": ["maxpool -k 3 -s 2 wide-plane.npy", "batchnorm wide-plane.npy"],
}
ONE_RESULT |= {
    name: [
        f"maxpool -k 2 {name}.npy",
        f"maxpool -k 3 -s 1 -p 1 {name}.npy",
        f"batchnorm {name}.npy",
        f"batchnorm --eval --state state.npz {name}.npy",
        f"dropout --seed 3 {name}.npy",
        f"dropout --seed 3 --channelwise {name}.npy",
        f"conv --depthwise -k [[1,2],[3,4]] {name}.npy",
        f"batchnorm --dtype float16 {name}.npy",
    ]
    for name in ("big", "columns", "odd", "big-int")
}


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in ONE_RESULT.items() for call in calls]
)
def test_a_result_is_computed_in_its_file(twice, name, call):
    done(twice(f"{call} -o y.npy", read=[name], written=["y.npy"]))


@pytest.mark.parametrize("mode", ["exact", "fast", "sequential", "fma"])
@pytest.mark.parametrize(
    ("names", "options"),
    [
        ("x k", ""),
        ("x k", "-s 2 -p 1 -b bias.npy --relu"),
        ("x k", "-d 2 -p 3:1,0:2 --padding-mode circular"),
        ("x k-big", ""),
        ("big k", ""),
        ("big k-big", "-p same-lower -s 2"),
        ("columns k", ""),
        ("columns k-columns", ""),
        ("odd k", ""),
        ("odd k", "--layout channels-first --threads 3"),
        ("x16 k16", ""),
        ("x16 k16", "-b bias.npy --dtype float16"),
        ("x k", "--dtype float16"),
        ("x k-depth", "--depthwise"),
        ("big k-depth", "--depthwise"),
        ("columns k-depth", "--depthwise"),
        ("odd k-depth", "--depthwise"),
        ("x k-point", ""),
        ("columns k-point", ""),
        ("line k-line", ""),
        ("volume k-volume", ""),
        ("wide-plane k-wide", ""),
        ("wide-plane k-wide", "-p same"),
    ],
)
def test_a_large_kernel_is_mapped_too(twice, mode, names, options):
    image, kernel = names.split()
    call = f"conv -k {kernel}.npy {image}.npy {options} --accumulate {mode} -o y.npy"
    done(twice(call, read=[image, kernel], written=["y.npy"]))


@pytest.mark.parametrize("mode", ["exact", "fast", "sequential"])
@pytest.mark.parametrize(
    ("names", "options"),
    [
        ("x64 k64", ""),
        ("x k64", ""),
        ("x64 k", ""),
        ("bytes k-int", ""),
        ("wide k-int", ""),
        ("big-int k-int", ""),
        ("x k-int", "--dtype float64"),
        ("x k", "--dtype int8"),
    ],
)
def test_wide_floats_and_integers(twice, mode, names, options):
    image, kernel = names.split()
    call = f"conv -k {kernel}.npy {image}.npy {options} --accumulate {mode} -o y.npy"
    done(twice(call, read=[image, kernel], written=["y.npy"]))


@pytest.mark.parametrize(
    "call",
    [
        "maxpool -k 2",
        "batchnorm",
        "batchnorm --eval --state state.npz",
        "dropout --seed 3",
        "conv --depthwise -k [[1,2],[3,4]]",
        "maxpool -k 2 --dtype float16",
    ],
)
def test_channels_last(twice, call):
    """Such a result is computed with its channels first, and written in another order."""
    call = f"{call} --layout channels-last last.npy -o y.npy"
    done(twice(call, read=["last"], written=["unnamed"]))


@pytest.mark.parametrize("layout", ["channels-first", "channels-last"])
@pytest.mark.parametrize("name", ["x", "columns", "last", "last-columns", "one-columns", "big"])
def test_sums_run_in_the_order_of_the_shape(twice, name, layout):
    """Whatever the order in memory is, which is that of the file where one is mapped."""
    call = f"batchnorm --layout {layout} --save-state s.npz {name}.npy -o y.npy"
    done(twice(call, read=[name], written=["unnamed"]))


@pytest.mark.parametrize(
    "call", ["maxpool -k 2", "batchnorm", "dropout --seed 3", "conv --depthwise -k [[1,2],[3,4]]"]
)
def test_bool_is_taken_as_uint8(twice, call):
    done(twice(f"{call} bool.npy -o y.npy", read=[], written=["y.npy", "unnamed"]))


@pytest.mark.parametrize("dtype", ["bool", "float16", "int8"])
@pytest.mark.parametrize("name", ["x", "bytes", "columns", "big"])
def test_dtype_converts_what_is_mapped(twice, name, dtype):
    call = f"maxpool -k 1 --dtype {dtype} {name}.npy -o y.npy"
    done(twice(call, read=[name], written=["y.npy"]))


@pytest.mark.parametrize("name", ["x", "bytes", "columns", "odd", "big"])
def test_indices_are_a_second_file(twice, name):
    call = f"maxpool -k 3 -s 2 --indices i.npy {name}.npy -o y.npy"
    done(twice(call, read=[name], written=["y.npy", "i.npy"]))


def test_indices_alone(twice):
    done(twice("maxpool -k 2 x.npy --indices i.npy -q", read=["x"], written=["i.npy"]))


@pytest.mark.parametrize("files", ["--indices i.npz -o y.npy", "--indices i.npy -o y.npz"])
def test_other_formats_next_to_a_large_file(twice, files):
    written = [name for name in files.split() if name.endswith(".npy")]
    done(twice(f"maxpool -k 2 x.npy {files}", read=["x"], written=written))


@pytest.mark.parametrize("mode", ["--train", "--eval"])
@pytest.mark.parametrize("name", ["x", "columns", "big", "odd", "bytes"])
def test_a_state_is_read_and_written(twice, mode, name):
    call = f"batchnorm {mode} {name}.npy --state state.npz --save-state state.npz -o y.npy"
    done(twice(call, call, read=[name], written=["y.npy"]))


@pytest.mark.parametrize("name", ["x", "columns", "big", "odd", "bytes"])
@pytest.mark.parametrize("options", ["", "-p 0.9", "-p 1"])
def test_a_mask_is_a_second_file(twice, name, options):
    call = f"dropout --seed 3 {options} {name}.npy --mask-output m.npy -o y.npy"
    done(twice(call, read=[name], written=["y.npy", "m.npy"]))


def test_a_mask_of_channels_is_small(twice):
    call = "dropout --seed 3 --channelwise x.npy --mask-output m.npy -o y.npy"
    done(twice(call, read=["x"], written=["y.npy"]))


@pytest.mark.parametrize("name", ["x", "columns", "big", "odd", "bytes", "strange"])
@pytest.mark.parametrize("options", ["", "--mask-output m.npy", "--dtype float16"])
def test_input_that_is_the_result(twice, name, options):
    done(twice(f"dropout --eval {options} {name}.npy -o y.npy", read=[name], written=None))


@pytest.mark.parametrize(
    ("name", "status"),
    [("x", 0), ("columns", 0), ("big", 0), ("odd", 0), ("bytes", 1), ("strange", 1)],
)
def test_input_that_is_the_result_and_expected(twice, name, status):
    call = f"dropout --eval {name}.npy --expect x.npy -o y.npy"
    assert twice(call, read={name, "x"}, written=None).status == status


@pytest.mark.parametrize("mask", ["mask", "mask-float"])
@pytest.mark.parametrize("name", ["x", "columns", "big", "bytes"])
def test_a_mask_is_mapped(twice, name, mask):
    call = f"dropout --mask {mask}.npy {name}.npy -o y.npy"
    done(twice(call, read=[name, mask], written=["y.npy"]))


def test_a_mask_of_bool(twice):
    call = "dropout --mask mask-bool.npy x.npy --mask-output m.npy -o y.npy"
    done(twice(call, read=["x"], written=["y.npy"]))


@pytest.mark.parametrize("name", ["x", "columns", "big", "odd", "last"])
@pytest.mark.parametrize("call", ["maxpool -k 1", "batchnorm", "dropout --seed 3"])
def test_a_file_is_replaced_by_its_own_result(twice, call, name):
    done(twice(f"{call} {name}.npy -o {name}.npy", read=[name], written=[f"{name}.npy"]))


@pytest.mark.parametrize("name", ["x", "columns", "big", "odd", "last"])
def test_a_file_is_replaced_by_itself(twice, name):
    done(twice(f"dropout --eval {name}.npy -o {name}.npy", read=[name], written=None))


def test_a_kernel_is_replaced_by_the_result(twice):
    done(twice("conv -k k.npy x.npy -o k.npy", read=["x", "k"], written=["k.npy"]))


def test_a_mask_is_replaced_by_the_result(twice):
    call = "dropout --mask mask.npy x.npy -o mask.npy"
    done(twice(call, read=["x", "mask"], written=["mask.npy"]))


def test_the_kernel_used_is_written(twice):
    call = "conv -k k.npy -b bias.npy x.npy --save-kernel w.npz -o y.npy"
    done(twice(call, read=["x", "k"], written=["y.npy"]))


@pytest.mark.parametrize("name", ["k", "k-columns", "k-big"])
def test_a_large_kernel_is_copied(twice, name):
    call = f"conv -k {name}.npy x.npy --save-kernel w.npy -o y.npy"
    done(twice(call, read=["x", name], written=["y.npy"]))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="takes posix_fallocate")
@pytest.mark.parametrize("call", ["maxpool -k 2", "dropout --seed 1", "batchnorm --train"])
def test_space_of_a_result_in_another_order_is_taken_first(twice, monkeypatch, call):
    taken, real = [], os.posix_fallocate

    def reserve(descriptor, start, size):
        taken.append(size)
        real(descriptor, start, size)

    monkeypatch.setattr(os, "posix_fallocate", reserve)
    done(twice(f"{call} --layout channels-last last.npy -o y.npy", read=["last"], written=None))
    assert taken[0] == (twice.mapped / "y.npy").stat().st_size


def test_several_inputs(twice):
    call = "maxpool -k 2 x.npy big.npy columns.npy odd.npy -o out"
    written = [f"out/{name}.npy" for name in ("x", "big", "columns", "odd")]
    done(twice(call, read=["x", "big", "columns", "odd"], written=written))


def test_a_mask_for_several_inputs_is_in_an_unnamed_file(twice):
    call = "dropout --mask mask-bool.npy x.npy big.npy -o out"
    results = ["out/x.npy", "out/big.npy"]
    done(twice(call, read=["x", "big"], written=[*results, "unnamed"]))


def test_sums_that_take_pythons_integers_are_in_the_results_file(twice):
    for folder in (twice.memory, twice.mapped):
        np.save(folder / "huge.npy", np.full((1, 30, 40), 2**62))
    call = "conv -k [[1,-1]] huge.npy -o y.npy"
    done(twice(call, read=["huge"], written=["y.npy"]))


def test_several_inputs_with_a_kernel_and_a_state(twice):
    call = "conv -k k.npy x.npy big.npy -o out/"
    done(twice(call, read=["x", "big", "k"], written=["out/x.npy", "out/big.npy"]))
    call = "batchnorm x.npy big.npy --state state.npz --save-state state.npz -o norm"
    done(twice(call, read=["x", "big"], written=["norm/x.npy", "norm/big.npy"]))


@pytest.fixture
def few_files():
    """Let no more than 40 files be opened in addition to those that are open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(free := os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 40, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("call", ["maxpool -k 2", "batchnorm", "dropout --eval"])
@pytest.mark.parametrize("layout", ["channels-first", "channels-last"])
def test_files_do_not_stay_open_from_one_input_to_the_next(twice, few_files, call, layout):
    for folder in (twice.memory, twice.mapped):
        for number in range(60):
            shutil.copy(folder / "x.npy", folder / f"{number}.npy")
    names = [str(number) for number in range(60)]
    inputs = " ".join(f"{name}.npy" for name in names)
    done(twice(f"{call} --layout {layout} {inputs} -o out", read=names, written=None))


def test_a_bare_kernel_for_every_channel_is_in_an_unnamed_file(twice):
    call = "conv --depthwise -k [[1,2,3],[4,5,6],[7,8,9]] x.npy --dtype float64 -o y.npy"
    done(twice(call, read=["x"], written=["y.npy", "unnamed"]))


@pytest.mark.parametrize("name", ["big", "big-int", "columns"])
def test_other_orders_are_converted_in_an_unnamed_file(twice, name):
    done(twice(f"maxpool -k 2 {name}.npy -o y.npy", read=[name], written=["y.npy", "unnamed"]))


def test_unnamed_files_are_where_a_linked_output_is(twice, monkeypatch):
    folders, real = [], mapped.without_name

    def record(folder, *arguments):
        folders.append(folder)
        return real(folder, *arguments)

    monkeypatch.setattr(mapped, "without_name", record)
    for folder in (twice.memory, twice.mapped):
        (folder / "there").mkdir()
        (folder / "there" / "y.npy").write_bytes(b"old")
        (folder / "link.npy").symlink_to("there/y.npy")
    done(twice("maxpool -k 2 big.npy -o link.npy", read=["big"], written=["unnamed"]))
    assert folders == [str((twice.mapped / "there").resolve())]


def test_parameters_of_many_channels_are_in_unnamed_files(twice):
    for folder in (twice.memory, twice.mapped):
        np.save(folder / "many.npy", np.random.default_rng(1).standard_normal((4, 300)))
    call = "batchnorm many.npy --save-state s.npz -o y.npy"
    done(twice(call, read=["many"], written=["y.npy", *["unnamed"] * 4]))


def test_a_drawn_kernel_is_in_an_unnamed_file(twice):
    call = "conv --out-channels 8 --kernel-size 3 --seed 1 x.npy -o y.npy"
    done(twice(call, read=["x"], written=["y.npy", "unnamed"]))
