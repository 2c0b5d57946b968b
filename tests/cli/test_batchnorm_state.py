"""cnnops batchnorm: running statistics carried from one call to the next."""

import json

import numpy as np
import pytest

FIRST = "[[1,10],[3,30]]"
SECOND = "[[5,0],[9,0]]"
NAMES = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"]


def read(path):
    if path.suffix == ".json":
        return json.loads(path.read_text())
    with np.load(path) as saved:
        return {name: saved[name].tolist() for name in saved}


@pytest.mark.parametrize("name", ["state.npz", "state.json"])
def test_one_file_carries_the_statistics_over_several_calls(cnnops, tmp_path, name):
    state = tmp_path / name
    cnnops.json("batchnorm", "--save-state", name, FIRST)
    saved = read(state)
    assert sorted(saved) == NAMES
    np.testing.assert_allclose(saved["running_mean"], [0.2, 2], rtol=1e-12)
    np.testing.assert_allclose(saved["running_var"], [1.1, 20.9], rtol=1e-12)
    assert saved["num_batches_tracked"] == 1
    np.testing.assert_array_equal(saved["weight"], [1, 1])
    np.testing.assert_array_equal(saved["bias"], [0, 0])
    cnnops.json("batchnorm", "--state", name, "--save-state", name, SECOND)
    saved = read(state)
    np.testing.assert_allclose(saved["running_mean"], [0.88, 1.8], rtol=1e-12)
    np.testing.assert_allclose(saved["running_var"], [1.79, 18.81], rtol=1e-12)
    assert saved["num_batches_tracked"] == 2
    before = state.read_bytes()
    result = json.loads(cnnops.json("batchnorm", "--eval", "--state", name, "[[1.88,2.8]]"))
    np.testing.assert_allclose(result, [1 / np.sqrt(np.array([1.79, 18.81]) + 1e-5)], rtol=1e-12)
    assert state.read_bytes() == before


def test_momentum_none_averages_all_batches_alike(cnnops, tmp_path):
    for batch in (FIRST, SECOND, "[[0,0],[0,0]]"):
        old = ["--state", "s.npz"] if (tmp_path / "s.npz").exists() else []
        cnnops.json("batchnorm", "--momentum", "none", *old, "--save-state", "s.npz", batch)
    saved = read(tmp_path / "s.npz")
    np.testing.assert_allclose(saved["running_mean"], [3, 20 / 3], rtol=1e-12)
    np.testing.assert_allclose(saved["running_var"], [10 / 3, 200 / 3], rtol=1e-12)
    assert saved["num_batches_tracked"] == 3


@pytest.mark.parametrize(("momentum", "mean", "var"), [("0", 5, 7), ("1", 2, 2), ("0.5", 3.5, 4.5)])
def test_momentum_weighs_old_against_new(cnnops, tmp_path, momentum, mean, var):
    cnnops.json(
        *["batchnorm", "--momentum", momentum, "--running-mean", "5", "--running-var", "7"],
        *["--save-state", "s.json", "[[1],[3]]"],
    )
    saved = read(tmp_path / "s.json")
    assert saved["running_mean"] == [mean]
    assert saved["running_var"] == pytest.approx([var], rel=1e-12)


def test_a_state_may_hold_any_of_the_names_and_options_win_over_it(cnnops, tmp_path):
    (tmp_path / "s.json").write_text('{"running_mean": [1, 2], "weight": [10, 10]}')
    call = ["batchnorm", "--eval", "--eps", "0", "--state", "s.json", "[[2,4]]"]
    assert cnnops.json(*call) == "[[10.0,20.0]]"
    assert cnnops.json(*call, "--weight", "1") == "[[1.0,2.0]]"
    assert cnnops.json(*call, "--running-mean", "0") == "[[20.0,40.0]]"
    assert cnnops.json(*call, "--running-var", "4", "--bias", "1") == "[[6.0,11.0]]"


def test_eval_saves_the_state_unchanged(cnnops, tmp_path):
    np.savez(
        tmp_path / "s.npz",
        running_mean=np.array([1.0]),
        running_var=np.array([4.0]),
        num_batches_tracked=np.array(6),
    )
    call = ["batchnorm", "--eval", "--eps", "0", "--state", "s.npz", "--save-state", "new.json"]
    assert cnnops.json(*call, "[[3]]") == "[[1.0]]"
    assert read(tmp_path / "new.json") == {
        "weight": [1],
        "bias": [0],
        "running_mean": [1],
        "running_var": [4],
        "num_batches_tracked": 6,
    }


def test_an_empty_batch_leaves_the_statistics_alone(cnnops, tmp_path):
    (tmp_path / "s.json").write_text('{"running_mean": [1, 2], "running_var": [3, 4]}')
    result = cnnops.array(
        *["batchnorm", "--state", "s.json", "--save-state", "s.json"],
        stdin=np.zeros((0, 2), np.float32),
    )
    assert result.shape == (0, 2)
    assert result.dtype == np.float32
    saved = read(tmp_path / "s.json")
    assert (saved["running_mean"], saved["running_var"]) == ([1, 2], [3, 4])


def test_statistics_of_float32_batches_are_kept_as_float32_can_tell(cnnops, tmp_path):
    batch = np.array([[1.0], [3.0]], np.float32)
    cnnops.array("batchnorm", "--save-state", "s.npz", stdin=batch)
    cnnops.array("batchnorm", "--state", "s.npz", "--save-state", "s.npz", stdin=batch)
    saved = read(tmp_path / "s.npz")
    np.testing.assert_allclose(saved["running_mean"], [0.38], rtol=1e-6)
    np.testing.assert_allclose(saved["running_var"], [1.19], rtol=1e-6)


@pytest.mark.parametrize("bad", ["[1,2,3]", "[[1,2,3],[4,5,6]]", '[["x","y"]]'])
def test_a_refused_batch_leaves_the_state_file_as_it_was(cnnops, tmp_path, bad):
    cnnops.json("batchnorm", "--save-state", "s.npz", FIRST)
    before = (tmp_path / "s.npz").read_bytes()
    cnnops.refusal("batchnorm", "--state", "s.npz", "--save-state", "s.npz", bad)
    assert (tmp_path / "s.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["s.npz"]


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("s.json", None, ["s.json"]),
        ("s.json", "[1,2]", ["s.json", "object"]),
        ("s.json", '{"running_mean": [1, 2, 3]}', ["running_mean", "3", "2"]),
        ("s.json", '{"running_var": ["a", "b"]}', ["s.json", "running_var"]),
        ("s.json", '{"running_mean": [1, 2]', ["s.json"]),
        ("s.json", '{"num_batches_tracked": -1}', ["num_batches_tracked", "-1"]),
        ("s.json", '{"num_batches_tracked": 1.5}', ["num_batches_tracked", "1.5"]),
        ("s.npz", "not an archive", ["s.npz"]),
    ],
)
def test_states_that_cannot_be_used(cnnops, tmp_path, name, content, named):
    if content is not None:
        (tmp_path / name).write_text(content)
    reason = cnnops.refusal("batchnorm", "--state", name, FIRST).replace("running-", "running_")
    for text in named:
        assert text in reason


def test_the_suffix_of_a_saved_state_is_checked(cnnops, tmp_path):
    for name in ("s.npy", "s"):
        reason = cnnops.refusal("batchnorm", "--save-state", name, FIRST)
        for text in ("--save-state", name, ".npz", ".json"):
            assert text in reason
    assert list(tmp_path.iterdir()) == []


def test_a_state_has_a_suffix_that_tells_its_format(cnnops, tmp_path):
    (tmp_path / "s.txt").write_text("{}")
    assert "s.txt" in cnnops.refusal("batchnorm", "--state", "s.txt", FIRST)
    assert "s.npy" in cnnops.refusal("batchnorm", "--save-state", "s.npy", FIRST)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"weight": 1e999}', "1e999"),
        ('{"weight": 1, "weight": 2}', "twice"),
        ('{"num_batches_tracked": 9223372036854775807}', "num_batches_tracked"),
    ],
)
def test_states_are_as_strict_as_tensors(cnnops, tmp_path, text, named):
    (tmp_path / "s.json").write_text(text)
    assert named in cnnops.refusal("batchnorm", "--state", "s.json", FIRST)


@pytest.mark.parametrize("name", ["s.npz", "s.json"])
def test_a_state_that_is_missing_begins(cnnops, tmp_path, name):
    (tmp_path / "sub").mkdir()
    begun = cnnops("batchnorm", "--state", name, "--save-state", f"sub/../{name}", FIRST)
    assert (begun.status, begun.err) == (0, "")
    alone = cnnops("batchnorm", "--save-state", f"other{name}", FIRST)
    assert begun.out == alone.out
    assert (tmp_path / name).read_bytes() == (tmp_path / f"other{name}").read_bytes()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (["--state", "s.npz"], "--state: no such file: s.npz"),
        (["--state", "s.npz", "--save-state", "t.npz"], "--state: no such file: s.npz"),
        (
            ["--eval", "--state", "s.npz", "--save-state", "s.npz"],
            "--state: no such file: s.npz; --train begins it, --eval needs it",
        ),
    ],
)
def test_only_what_is_saved_in_training_begins(cnnops, tmp_path, call, reason):
    assert cnnops.refusal("batchnorm", *call, FIRST) == reason
    assert list(tmp_path.iterdir()) == []


def test_a_state_counts_up_to_2_to_the_63_less_1(called_here, refused_here, tmp_path):
    state = tmp_path / "s.json"
    call = ["batchnorm", "--train", "--state", "s.json", "--save-state", "t.json", "[[1],[2]]"]
    state.write_text('{"num_batches_tracked": 9223372036854775806}')
    called_here(*call)
    saved = json.loads((tmp_path / "t.json").read_text())
    assert saved["num_batches_tracked"] == 9223372036854775807
    state.write_text('{"num_batches_tracked": 9223372036854775807}')
    assert refused_here(*call).startswith(
        "cnnops batchnorm: error: s.json: num_batches_tracked is one integer from 0 to 2**63 - 2, "
        "not 9223372036854775807"
    )
