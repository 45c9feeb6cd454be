import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.core.errors import InputError  # noqa: E402
from featkit.core.options import TrainOptions  # noqa: E402
from featkit.core.progress import reporting_to  # noqa: E402
from featkit.encoders import load_encoder, read_patches  # noqa: E402
from featkit.training import METHODS, PatchSet, TrainingData, train  # noqa: E402

OPTIONS = TrainOptions(n_epochs=3, batch_size=30, patience=0)


class _Killed(BaseException):
    pass


class _KillAfter:
    """A reporter that ends the run at a step, as a signal would."""

    def __init__(self, step):
        self.left = step
        self.notes = []

    def start(self, description, total):
        return 0

    def advance(self, task, steps):
        self.left -= steps
        if self.left < 0:
            raise _Killed

    def finish(self, task): ...

    def note(self, message):
        self.notes.append(message)


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("step", [1, 4, 8])
def test_killed_and_resumed_gives_the_weights_of_an_uninterrupted_run(data, encoder, tmp_path, method, step):
    straight = train(data, encoder, method, options=OPTIONS, folder=tmp_path / "straight")
    with pytest.raises(_Killed), reporting_to(_KillAfter(step)):
        train(data, encoder, method, options=OPTIONS, folder=tmp_path / "killed")
    watcher = _KillAfter(10**6)
    with reporting_to(watcher):
        resumed = train(data, encoder, method, options=OPTIONS, folder=tmp_path / "killed")
    assert bool(watcher.notes) == (step >= 3)  # three steps an epoch: before that nothing was saved
    assert resumed.encoder.weights_sha256 == straight.encoder.weights_sha256
    assert torch.equal(resumed.head.weight, straight.head.weight)
    without_time = [[{**row, "seconds": 0} for row in run.meta["history"]] for run in (resumed, straight)]
    assert without_time[0] == without_time[1]
    assert not (tmp_path / "killed" / "state.pt").exists()


def test_log_has_a_row_per_epoch_and_the_record_says_what_was_done(data, encoder, tmp_path):
    found = train(data, encoder, "grl", options=OPTIONS, folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == found.meta["history"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert {"loss", "class_loss", "domain_loss", "lambda", "val_accuracy", "selection_value"} <= set(rows[0])
    meta = json.loads((tmp_path / "checkpoint.json").read_text())
    assert meta["classes"] == ["coarse", "fine"]
    assert meta["domains"] == ["40X", "100X", "200X"]
    assert (meta["n_train"], meta["n_val"]) == (90, 30)
    assert meta["options"]["gamma"] == 10.0
    assert meta["selection"]["rule"] == "source-val-balanced-cross-entropy"
    best = min(rows, key=lambda row: row["selection_value"])
    assert (meta["selection"]["epoch"], meta["selection"]["value"]) == (best["epoch"], best["selection_value"])
    assert meta["started_from"]["weights_sha256"] == encoder.weights_sha256
    assert meta["encoder"]["weights"] == "trained (grl)"


def test_checkpoint_holds_the_best_epoch_not_the_last(data, encoder):
    """The validation loss of the returned weights is the best of the log, and last-epoch returns the last."""
    from featkit.training.selection import balanced_cross_entropy

    def value(found):
        images = torch.from_numpy(data.val.images)
        with torch.inference_mode():
            shares = found.head(found.encoder.embed(found.encoder.transform.normalise(images))).softmax(dim=1)
        return balanced_cross_entropy(data.val.labels, shares.numpy(), data.val.domains)

    options = dataclasses.replace(OPTIONS, n_epochs=5, method_options={"baseline": {"learning_rate": 0.03}})
    best = train(data, encoder, options=options)
    last = train(data, encoder, options=dataclasses.replace(options, selection="last-epoch"))
    history = [row["selection_value"] for row in best.meta["history"]]
    assert value(best) == pytest.approx(min(history), rel=1e-5)
    assert value(last) == pytest.approx(history[-1], rel=1e-5)
    assert last.meta["selection"] == {"rule": "last-epoch", "value": None, "epoch": 5}


def test_stops_when_patience_runs_out(data, encoder):
    """Labels of the validation rows turned around: learning makes them worse."""
    turned = TrainingData(
        data.train,
        PatchSet(data.val.images, 1 - data.val.labels, data.val.domains),
        classes=data.classes,
        domains=data.domains,
    )
    options = dataclasses.replace(OPTIONS, n_epochs=30, patience=2)
    meta = train(turned, encoder, options=options).meta
    assert len(meta["history"]) == meta["selection"]["epoch"] + 2 < 30


def test_encoder_given_is_left_as_it_was(data, encoder):
    before = encoder.weights_sha256
    state = torch.get_rng_state()
    train(data, encoder, options=dataclasses.replace(OPTIONS, n_epochs=1))
    assert encoder.weights_sha256 == before
    assert encoder.weights.startswith("random")
    assert torch.equal(torch.get_rng_state(), state)


def test_files_arrays_cache_and_threads_give_the_same_weights(data, encoder, tmp_path):
    sides = []
    for name, side in (("train", data.train), ("val", data.val)):
        paths = [tmp_path / f"{name}-{row:03d}.png" for row in range(len(side))]
        for path, image in zip(paths, side.images, strict=True):
            Image.fromarray(image).save(path)
        sides.append(PatchSet(paths, side.labels, side.domains))
    on_disk = TrainingData(*sides, classes=data.classes, domains=data.domains)
    transform = encoder.transform
    read = (PatchSet(list(read_patches(side.images, transform)), side.labels, side.domains) for side in sides)
    read_before = TrainingData(*read, classes=data.classes, domains=data.domains)
    hashes = {
        train(d, encoder, options=dataclasses.replace(OPTIONS, **more)).encoder.weights_sha256
        for d, more in (
            (data, {}),
            (read_before, {}),
            (on_disk, {"n_jobs": 1}),
            (on_disk, {"n_jobs": 3, "cache_bytes": 0}),
        )
    }
    assert len(hashes) == 1


def test_a_finished_run_is_returned_and_not_run_again(data, encoder, tmp_path):
    first = train(data, encoder, options=OPTIONS, folder=tmp_path)
    with reporting_to(_KillAfter(-1)):
        again = train(data, encoder, options=OPTIONS, folder=tmp_path)
    assert again.encoder.weights_sha256 == first.encoder.weights_sha256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "the option seed changed"),
        ({"options": dataclasses.replace(OPTIONS, n_epochs=4)}, "the option n_epochs changed"),
        ({"options": dataclasses.replace(OPTIONS, precision="bfloat16")}, "the option precision changed"),
    ],
)
def test_another_run_does_not_go_into_the_same_folder(data, encoder, tmp_path, change, said):
    other = {"options": OPTIONS, **change}
    with pytest.raises(_Killed), reporting_to(_KillAfter(5)):
        train(data, encoder, options=OPTIONS, folder=tmp_path)
    with pytest.raises(InputError, match=said):
        train(data, encoder, folder=tmp_path, **other)
    train(data, encoder, options=OPTIONS, folder=tmp_path)
    with pytest.raises(InputError, match=said) as caught:
        train(data, encoder, folder=tmp_path, **other)
    assert "delete" not in str(caught.value).lower()


def test_the_device_is_no_part_of_what_a_training_is(data, encoder, tmp_path):
    """A finished training is the one asked for on any device, also on one that this machine lacks."""
    first = train(data, encoder, options=OPTIONS, folder=tmp_path)
    for change in ({"device": "cpu"}, {"device": "cuda:9"}, {"precision": "float32"}):
        again = train(data, encoder, options=dataclasses.replace(OPTIONS, **change), folder=tmp_path)
        assert again.encoder.weights_sha256 == first.encoder.weights_sha256


def test_an_interrupted_training_goes_on_at_the_precision_it_was_begun_with(data, encoder, tmp_path):
    begun = dataclasses.replace(OPTIONS, precision="bfloat16")
    with pytest.raises(_Killed), reporting_to(_KillAfter(5)):
        train(data, encoder, options=begun, folder=tmp_path)
    assert train(data, encoder, options=OPTIONS, folder=tmp_path).meta["precision"] == "bfloat16"


def test_a_checkpoint_of_version_0_1_is_taken_for_what_it_is(data, encoder, tmp_path):
    train(data, encoder, options=OPTIONS, folder=tmp_path)
    record = json.loads((tmp_path / "checkpoint.json").read_text())
    for name in ("files", "sha256", "estimator"):
        del record[name]
    record |= {"version": 1, "fingerprint": "0" * 64}
    record["training"] |= {"seed": 0, "device": "auto", "precision": "auto"}
    (tmp_path / "checkpoint.json").write_text(json.dumps(record, indent=1))
    train(data, encoder, options=OPTIONS, folder=tmp_path)
    with pytest.raises(InputError, match="the option seed changed"):
        train(data, encoder, seed=1, options=OPTIONS, folder=tmp_path)


def test_a_training_that_version_0_1_began_is_refused_in_one_line(data, encoder, tmp_path):
    torch.save({"fingerprint": "0" * 64, "history": []}, tmp_path / "state.pt")
    with pytest.raises(InputError, match="must be of this version of featkit"):
        train(data, encoder, options=OPTIONS, folder=tmp_path)


def test_a_damaged_state_is_named(data, encoder, tmp_path):
    (tmp_path / "state.pt").write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"state\.pt must be readable"):
        train(data, encoder, options=OPTIONS, folder=tmp_path)


def test_a_loss_that_is_not_finite_stops_with_the_place(data):
    encoder = load_encoder("tiny")
    with torch.no_grad():
        encoder.network.features[0].weight.fill_(torch.inf)
    with pytest.raises(InputError, match=r"finite, got nan in epoch 1, step 1 of 3.*learning_rate"):
        train(data, encoder, options=OPTIONS)


def test_a_rule_that_looks_at_validation_needs_some(data, encoder):
    empty = PatchSet(np.zeros((0, 96, 96, 3), np.uint8), np.array([], int), np.array([], int))
    alone = TrainingData(data.train, empty, classes=data.classes, domains=data.domains)
    with pytest.raises(InputError, match="validation rows"):
        train(alone, encoder, options=OPTIONS)
    found = train(alone, encoder, options=dataclasses.replace(OPTIONS, selection="last-epoch", n_epochs=1))
    assert found.meta["selection"]["epoch"] == 1


def test_domain_numbers_need_not_be_consecutive(data, encoder):
    """With 100X held out, domains 0 and 2 are trained on."""
    keep, keep_val = data.train.domains != 1, data.val.domains != 1
    sides = (
        PatchSet(side.images[rows], side.labels[rows], side.domains[rows])
        for side, rows in ((data.train, keep), (data.val, keep_val))
    )
    found = train(
        TrainingData(*sides, classes=data.classes, domains=data.domains),
        encoder,
        "grl",
        options=dataclasses.replace(OPTIONS, n_epochs=1),
    )
    assert found.meta["domains"] == ["40X", "200X"]
    assert found.meta["history"][0]["domain_chance"] == pytest.approx(np.log(2))


def test_unknown_method(data, encoder):
    with pytest.raises(InputError, match="Did you mean 'baseline'"):
        train(data, encoder, "base-line")


@pytest.mark.parametrize(
    "change",
    [
        {"n_epochs": 0},
        {"batch_size": 0},
        {"patience": -1},
        {"augmentation": "mixup"},
        {"colour_jitter": 1.0},
        {"seeds": (0, -1)},
        {"device": "gpu"},
        {"n_jobs": 0},
    ],
)
def test_options_out_of_range(change):
    with pytest.raises(InputError, match=next(iter(change)).removesuffix("s")):
        TrainOptions(**change)


def test_a_folder_that_cannot_be_written(data, encoder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="folder"):
        train(data, encoder, options=OPTIONS, folder=tmp_path / "file" / "run")


def test_a_moved_run_can_be_resumed(data, encoder, tmp_path):
    with pytest.raises(_Killed), reporting_to(_KillAfter(5)):
        train(data, encoder, options=OPTIONS, folder=tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    found = train(data, encoder, options=OPTIONS, folder=tmp_path / "there")
    assert len(found.meta["history"]) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", sorted(METHODS))
def test_trains_on_a_gpu_with_mixed_precision(data, encoder, method, tmp_path):
    options = dataclasses.replace(OPTIONS, n_epochs=6, batch_size=15, device="cuda")
    found = train(data, encoder, method, options=options, folder=tmp_path)
    assert found.meta["precision"] == "float16"
    assert max(row["val_accuracy"] for row in found.meta["history"]) > 0.9
    assert next(found.encoder.parameters()).device.type == "cpu"


def test_a_seed_below_zero_is_refused(data, encoder):
    with pytest.raises(InputError, match="seed must be a whole number of at least 0, got -1"):
        train(data, encoder, seed=-1)
