"""Formats that are not read here: how each is recognised, and the command that converts it.

Imported only when something could not be read. Nothing is ever unpickled.
"""

import re
import shlex
import zipfile
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cnnops_cli.tensors.formats import format_of_bytes

_START = 512
"""The number of bytes at the start of a file by which it is recognised."""
_JSON = re.compile(rb"(\xef\xbb\xbf)?\s*[\[{]")
_COLUMNS = re.compile(rb"\s*[-+.\de]+ *(?P<mark>[,;\t ]) *[-+.\de].*\r?\n\s*[-+.\de]+ *(?P=mark)")
_TABLES = {".csv": ",", ".tsv": "\\t"}


class _Format(NamedTuple):
    name: str
    conversion: str  # a shell command, or a Python program that begins with an import
    suffixes: str
    magic: bytes = b""
    at: int = 0  # where the magic bytes are


def _array(module: str, expression: str) -> str:
    return f"import numpy, {module}; numpy.save({{npy}}, {expression})"


def _arrays(module: str, expression: str) -> str:
    return f"import numpy, {module}; numpy.savez({{npz}}, **{expression})"


_PYTORCH = _Format(
    "a PyTorch file",
    "import numpy, torch; w = torch.load({file}, 'cpu', weights_only=True); "
    "numpy.savez({npz}, **w) if isinstance(w, dict) else numpy.save({npy}, w)",
    ".pt .pth .ckpt",
    b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19",
)
_TORCHSCRIPT = _Format(
    "a TorchScript file", _arrays("torch", "torch.jit.load({file}, 'cpu').state_dict()"), ""
)
_SAFETENSORS = _Format(
    "a safetensors file",
    _arrays("safetensors.numpy", "safetensors.numpy.load_file({file})"),
    ".safetensors",
)
_PICKLE = _Format(
    "a pickle, which can run any program when it is loaded",
    _array("pickle", "pickle.load(open({file}, 'rb'))"),
    ".pkl .pickle .joblib",
)
_ZARR = _Format("a Zarr store", _array("zarr", "zarr.open({file}, mode='r')[...]"), "")
_ZIPPED_ZARR = _Format("a zipped Zarr store", "unzip -d {stem}.unzipped.zarr {file}", "")
_ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup")
_HDF5 = _array("h5py", "h5py.File({file})['NAME'][...]")
_MATLAB = _array("scipy.io", "scipy.io.loadmat({file})['NAME']")
_ONNX = "{{t.name: onnx.numpy_helper.to_array(t) for t in onnx.load({file}).graph.initializer}}"
_TENSORFLOW = "{{v.name: v for v in tensorflow.saved_model.load('.').variables}}"
_TFLITE = _array("tensorflow", "tensorflow.lite.Interpreter({file}).get_tensor(INDEX)")
_PARQUET = _array("pandas", "pandas.read_parquet({file}).to_numpy()")
_NIFTI = _array("nibabel", "nibabel.load({file}).dataobj")
_DICOM = _array("pydicom", "pydicom.dcmread({file}).pixel_array")
_EXR = _array("imageio.v3", "imageio.v3.imread({file})")
_PICTURE = "magick {file}'[0]' {stem}.png"
_FORMATS = (
    _PYTORCH,
    _SAFETENSORS,
    _PICKLE,
    _Format("gzip data", "gunzip -k {file}", ".gz .tgz", b"\x1f\x8b"),
    _Format("bzip2 data", "bunzip2 -k {file}", ".bz2", b"BZh"),
    _Format("XZ data", "unxz -k {file}", ".xz", b"\xfd7zXZ\0"),
    _Format("Zstandard data", "unzstd {file}", ".zst", b"\x28\xb5\x2f\xfd"),
    _Format("a tar archive", "tar -xf {file}", ".tar", b"ustar", at=257),
    _Format("an HDF5 file", _HDF5, ".h5 .hdf5", b"\x89HDF"),
    _Format("a MATLAB 7.3 file", _HDF5, "", b"MATLAB 7.3"),
    _Format("a MATLAB file", _MATLAB, ".mat", b"MATLAB"),
    _Format("an ONNX model", _arrays("onnx.numpy_helper", _ONNX), ".onnx"),
    _Format("a TensorFlow model", _arrays("tensorflow", _TENSORFLOW), ".pb"),
    _Format("a TensorFlow Lite model", _TFLITE, ".tflite", b"TFL3", at=4),
    _Format("a Parquet file", _PARQUET, ".parquet", b"PAR1"),
    _Format("a NIfTI volume", _NIFTI, ".nii", b"n+1\0", at=344),
    _Format("a DICOM file", _DICOM, ".dcm", b"DICM", at=128),
    _Format("an OpenEXR picture", _EXR, ".exr", b"v/1\x01"),
    _Format("a GIF picture", _PICTURE, ".gif", b"GIF8"),
    _Format("a HEIC picture", _PICTURE, ".heic .heif", b"ftyphei", at=4),
    _Format("an AVIF picture", _PICTURE, ".avif", b"ftypavif", at=4),
    _Format("a JPEG 2000 picture", _PICTURE, ".jp2 .j2k", b"\0\0\0\x0cjP"),
    _Format("a Photoshop picture", _PICTURE, ".psd", b"8BPS"),
    _Format("a PDF document", _PICTURE, ".pdf", b"%PDF"),
)


def conversion(stream: BinaryIO, path: str | None) -> str | None:
    """Say what an unsupported file is, and how to convert it, if that is known."""
    stream.seek(0)
    start = stream.read(_START)
    suffix = Path(path or "").suffix.lower()
    if start.startswith(b"PK"):
        found = _in_zip(stream, suffix)
    elif _JSON.match(start) or format_of_bytes(start).name:
        found = None
    else:
        found = _by_magic(start, suffix) or _as_table(start, suffix) or _by_suffix(suffix)
    return found and _described(found, path)


def conversion_of_directory(path: str) -> str | None:
    """Say what an unsupported directory is, and how to convert it, if that is known."""
    is_zarr = Path(path).suffix == ".zarr" or any(
        Path(path, name).exists() for name in _ZARR_METADATA
    )
    return _described(_ZARR, path) if is_zarr else None


def _in_zip(stream: BinaryIO, suffix: str) -> _Format | None:
    try:
        names = zipfile.ZipFile(stream).namelist()
    except Exception:  # whatever zipfile raises
        return _by_suffix(suffix)
    if any(name.endswith("data.pkl") for name in names):
        return _TORCHSCRIPT if any("/code/" in name for name in names) else _PYTORCH
    if any(name.endswith(_ZARR_METADATA) for name in names):
        return _ZIPPED_ZARR
    return None if any(name.endswith(".npy") for name in names) else _by_suffix(suffix)


def _by_magic(start: bytes, suffix: str) -> _Format | None:
    for one in _FORMATS:
        if one.magic and start[one.at :].startswith(one.magic):
            return one
    if start[8:9] == b"{" and 0 < int.from_bytes(start[:8], "little") < 1 << 32:
        return _SAFETENSORS
    if start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5":
        return _PYTORCH if suffix in _PYTORCH.suffixes.split() else _PICKLE
    return None


def _by_suffix(suffix: str) -> _Format | None:
    return next((one for one in _FORMATS if suffix in one.suffixes.split()), None)


def _as_table(start: bytes, suffix: str) -> _Format | None:
    """Recognise numbers in columns, with or without a heading, and their delimiter."""
    match = _COLUMNS.match(start)
    if match is None and suffix not in _TABLES:
        return None
    if match:
        mark, skipped = match["mark"].decode().replace("\t", "\\t"), ""
    else:
        mark, skipped = ";" if b";" in start else _TABLES[suffix], ", skiprows=1"
    options = skipped if mark == " " else f", delimiter='{mark}'{skipped}"
    program = f"import numpy; numpy.save({{npy}}, numpy.loadtxt({{file}}{options}))"
    return _Format("text in columns", program, "")


def _described(found: _Format, path: str | None) -> str:
    file = path or "FILE"
    suffix = Path(file).suffix
    stem = file if suffix in ("", ".npy", ".npz") else file.removesuffix(suffix)
    if found.conversion.startswith("import"):
        names = {"file": repr(file), "npy": repr(f"{stem}.npy"), "npz": repr(f"{stem}.npz")}
        program = found.conversion.format(**names)
        line = f"python -c {_quoted(program)}"
    else:
        line = found.conversion.format(file=shlex.quote(file), stem=shlex.quote(stem))
    return f"is {found.name}; this converts it: {line}"


def _quoted(program: str) -> str:
    """Quote a program for the shell, in double quotes if that is enough."""
    return shlex.quote(program) if re.search(r'["$`!]|\\\\', program) else f'"{program}"'
