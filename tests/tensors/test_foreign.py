"""Files of other formats: the error names the format, and the line that converts it."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.read import INPUT_ARGUMENT, read_named, read_tensor


def npy(*values):
    stream = io.BytesIO()
    np.save(stream, np.array(values))
    return stream.getvalue()


def zipped(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"\x80\x02}.")
    return stream.getvalue()


TORCH = zipped("w/data.pkl", "w/version", "w/data/0")
SCRIPT = zipped("w/data.pkl", "w/code/__torch__.py", "w/constants.pkl")
OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03."
SAFETENSORS = struct.pack("<Q", 64) + b'{"w":{"dtype":"F32"' + b" " * 45
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(100)
PROTOBUF = b"\x08\x07\x12\x04user"

CASES = [
    ("w.pt", TORCH, "a PyTorch file", "torch.load('w.pt', 'cpu', weights_only=True)"),
    ("w.pth", OLD_TORCH, "a PyTorch file", "torch.load('w.pth', 'cpu', weights_only=True)"),
    ("w.ckpt", pickle.dumps({}, 2), "a PyTorch file", "numpy.savez('w.npz', **w)"),
    ("w.npz", TORCH, "a PyTorch file", "numpy.savez('w.npz.npz', **w)"),
    ("w.npy", TORCH, "a PyTorch file", "numpy.save('w.npy.npy', w)"),
    ("w", TORCH, "a PyTorch file", "torch.load('w', 'cpu', weights_only=True)"),
    ("w.pt", SCRIPT, "a TorchScript file", "torch.jit.load('w.pt', 'cpu').state_dict()"),
    ("w.safetensors", SAFETENSORS, "a safetensors file", "load_file('w.safetensors')"),
    ("w", SAFETENSORS, "a safetensors file", "load_file('w')"),
    ("m.onnx", PROTOBUF, "an ONNX model", "onnx.load('m.onnx').graph.initializer}"),
    ("m.pb", PROTOBUF, "a TensorFlow model", "tensorflow.saved_model.load('.')"),
    ("m.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite model", "Interpreter('m.tflite')"),
    ("x.npy.gz", gzip.compress(npy(1), mtime=0), "gzip data", "gunzip -k x.npy.gz"),
    ("x.npy", gzip.compress(npy(1), mtime=0), "gzip data", "gunzip -k x.npy"),
    ("x.json", gzip.compress(npy(1), mtime=0), "gzip data", "gunzip -k x.json"),
    ("x.png", gzip.compress(npy(1), mtime=0), "gzip data", "gunzip -k x.png"),
    ("x.npy.bz2", bz2.compress(npy(1)), "bzip2 data", "bunzip2 -k x.npy.bz2"),
    ("x.npy.xz", lzma.compress(npy(1)), "XZ data", "unxz -k x.npy.xz"),
    ("x.npy.zst", b"\x28\xb5\x2f\xfd", "Zstandard data", "unzstd x.npy.zst"),
    ("x.csv", b"1,2\n3,4\n", "text in columns", "numpy.loadtxt('x.csv', delimiter=',')"),
    ("x.csv", b"1;2\r\n3;4\r\n", "text in columns", "loadtxt('x.csv', delimiter=';')"),
    ("x.csv", b"a,b\n1,2\n", "text in columns", "('x.csv', delimiter=',', skiprows=1)"),
    ("x.csv", b"a;b\n1;2\n", "text in columns", "('x.csv', delimiter=';', skiprows=1)"),
    ("x.tsv", b"1\t2\n3\t4\n", "text in columns", r"loadtxt('x.tsv', delimiter='\t')"),
    ("x.txt", b"1 2\n3 4\n", "text in columns", "numpy.loadtxt('x.txt')"),
    ("x", b"-1.5e3, 2\n3, 4\n", "text in columns", "numpy.loadtxt('x', delimiter=',')"),
    ("x.mat", b"MATLAB 5.0 MAT-file", "a MATLAB file", "scipy.io.loadmat('x.mat')['NAME']"),
    ("x.mat", b"MATLAB 7.3 MAT-file", "a MATLAB 7.3 file", "h5py.File('x.mat')['NAME'][...]"),
    ("x.mat", bytes(64), "a MATLAB file", "scipy.io.loadmat('x.mat')['NAME']"),
    ("x.h5", HDF5, "an HDF5 file", "h5py.File('x.h5')['NAME'][...]"),
    ("x.hdf5", HDF5, "an HDF5 file", "h5py.File('x.hdf5')['NAME'][...]"),
    ("x.npz", HDF5, "an HDF5 file", "numpy.save('x.npz.npy'"),
    ("x.pkl", pickle.dumps([1]), "a pickle, which can run any program when it is loaded", "pickle"),
    ("x", pickle.dumps([1]), "a pickle, which can run any program when it is loaded", "pickle"),
    ("x.parquet", b"PAR1", "a Parquet file", "pandas.read_parquet('x.parquet').to_numpy()"),
    ("x.nii", bytes(344) + b"n+1\0", "a NIfTI volume", "nibabel.load('x.nii').dataobj"),
    ("x.dcm", bytes(128) + b"DICM", "a DICOM file", "pydicom.dcmread('x.dcm').pixel_array"),
    ("x.exr", b"v/1\x01", "an OpenEXR picture", "imageio.v3.imread('x.exr')"),
    ("x.gif", b"GIF89a", "a GIF picture", "magick x.gif'[0]' x.png"),
    ("x.png", b"GIF89a", "a GIF picture", "magick x.png'[0]' x.png"),
    ("x.heic", b"\0\0\0\x18ftypheic", "a HEIC picture", "magick x.heic'[0]' x.png"),
    ("x.avif", b"\0\0\0\x18ftypavif", "an AVIF picture", "magick x.avif'[0]' x.png"),
    ("x.pdf", b"%PDF-1.7", "a PDF document", "magick x.pdf'[0]' x.png"),
]


def reason_of(read):
    with pytest.raises(CnnopsError, match=r"^[^\n]+$") as caught:
        read()
    return str(caught.value)


@pytest.mark.parametrize(("name", "data", "what", "line"), CASES)
def test_a_format_is_named_with_the_line_that_converts_it(
    tmp_path, monkeypatch, name, data, what, line
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(data)
    reason = reason_of(lambda: read_tensor(name, INPUT_ARGUMENT))
    assert reason.startswith(f"{name} is {what}; this converts it: ")
    assert line in reason
    reason = reason_of(lambda: read_tensor(name, "--kernel"))
    assert reason.startswith(f"--kernel {name} is {what}; this converts it: ")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (TORCH, "a PyTorch file"),
        (SAFETENSORS, "a safetensors file"),
        (gzip.compress(npy(1), mtime=0), "gzip data"),
        (HDF5, "an HDF5 file"),
        (b"1,2\n3,4\n", "text in columns"),
    ],
)
def test_on_standard_input_the_bytes_tell(monkeypatch, data, what):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    reason = reason_of(lambda: read_tensor("-", INPUT_ARGUMENT))
    assert reason.startswith(f"standard input is {what}; this converts it: ")
    assert "FILE" in reason


@pytest.mark.parametrize("name", ["bn.npz", "bn.json"])
@pytest.mark.parametrize("data", [TORCH, SAFETENSORS])
def test_a_state_that_pytorch_or_safetensors_wrote(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    reason = reason_of(lambda: read_named(str(tmp_path / name), "--state", ("weight", "bias")))
    assert f"{name} is a " in reason
    assert "; this converts it: python -c " in reason


def test_directories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, marker in (("x.zarr", "zarr.json"), ("y", ".zarray"), ("z", ".zgroup"), ("d", "x")):
        (tmp_path / path).mkdir()
        (tmp_path / path / marker).write_text("{}")
    for path in ("x.zarr", "y", "z"):
        reason = reason_of(lambda path=path: read_tensor(path, INPUT_ARGUMENT))
        assert reason.startswith(f"INPUT: {path} is a Zarr store; this converts it: ")
        assert f"zarr.open('{path}', mode='r')[...]" in reason
    reason = reason_of(lambda: read_tensor("d", INPUT_ARGUMENT))
    assert reason == "INPUT: cannot read d: Is a directory"


@pytest.mark.parametrize(
    "name", ["a b.csv", "a'b.csv", "$HOME.csv", 'a"b.csv', "`id`.csv", "a\\b.csv"]
)
def test_the_line_can_be_given_to_a_shell_as_it_is(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("x,y\n1,2\n3,4\n")
    reason = reason_of(lambda: read_tensor(name, INPUT_ARGUMENT))
    line = reason.partition("; this converts it: python ")[2]
    subprocess.run(["sh", "-c", f'"$0" {line}', sys.executable], check=True)
    converted = read_tensor(name.replace(".csv", ".npy"), INPUT_ARGUMENT).array
    assert converted.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.csv", b"[1,2", "x.csv is not JSON: unexpected end of data at line 1, column 5"),
        ("x.pt", npy(1)[:-1], "x.pt is cut short: its header promises int64 (1,), 8 bytes, "
         "but 7 follow"),
        ("x.npz", zipped("data.bin"), "x.npz holds no array"),
        ("x.h5", b" {}", None),
        ("x.txt", b"hello", None),
        ("x.txt", b"1 2", None),
    ],
)  # fmt: skip
def test_what_is_read_here_but_wrong_is_not_called_something_else(
    tmp_path, monkeypatch, name, data, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(data)
    found = reason_of(lambda: read_tensor(name, INPUT_ARGUMENT))
    assert "converts" not in found
    assert reason in (None, found)


def test_a_file_of_such_a_suffix_that_can_be_read_is_read(tmp_path):
    for name, data in (("x.pt", npy(3)), ("x.csv", b"[3]"), ("x.txt", b"[3]")):
        (tmp_path / name).write_bytes(data)
        assert read_tensor(str(tmp_path / name), INPUT_ARGUMENT).array.tolist() == [3]
