import dataclasses

import pytest

from featkit.core.config import Config, read_config
from featkit.core.errors import InputError


def write(tmp_path, text):
    path = tmp_path / "featkit.toml"
    path.write_text(text)
    return path


def test_defaults_come_from_an_empty_file(tmp_path):
    assert read_config(write(tmp_path, "")) == Config()


def test_values_types_and_method_tables(tmp_path):
    config = read_config(
        write(
            tmp_path,
            """
            [data]
            path = "images"
            [split]
            folds = ["40X", "100X"]
            test_fraction = 0.5
            [train]
            n_epochs = 3
            [train.grl]
            gamma = 5.0
            """,
        )
    )
    assert config.data.path == "images"
    assert config.split.folds == ("40X", "100X")
    assert config.split.test_fraction == 0.5
    assert isinstance(config.split.test_fraction, float)
    assert config.train.n_epochs == 3
    assert config.train.method_options == {"grl": {"gamma": 5.0}}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[split]\nfold = ['40X']", "split.fold"),
        ("[spilt]\nseed = 1", "spilt"),
        ("[split]\nseed = 'one'", "split.seed"),
        ("[split]\nseed = true", "split.seed"),
        ("[split]\nfolds = '40X'", "split.folds"),
        ("[split]\nfolds = [40]", "split.folds"),
        ("[extract]\nstrict = 1", "extract.strict"),
        ("[train]\nn_epochs = 2.5", "train.n_epochs"),
        ("[train]\nepochs = 2", "train.n_epochs"),
        ("[signatures]\nrule = 'min'", "[signatures.penalty]"),
        ("[signatures.stability]\nthreshold = 2", "threshold"),
        ("[train]\ndevice = 'gpu'", "cpu"),
        ("split = 3", "split"),
        ("train = 3", "train"),
        ("[data\n", "valid TOML"),
    ],
)
def test_mistakes_name_the_key_in_one_line(tmp_path, text, named):
    with pytest.raises(InputError) as caught:
        read_config(write(tmp_path, text))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_close_names_are_suggested(tmp_path):
    with pytest.raises(InputError, match="'folds'"):
        read_config(write(tmp_path, "[split]\nfold = ['40X']"))


def test_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().data.path = "elsewhere"


def test_how_data_is_read_may_be_left_to_the_adapter(tmp_path):
    plain = read_config(write(tmp_path, "[data]\npath = 'x'")).data
    assert (plain.scale, plain.complete, plain.labels, plain.columns) == (None, None, (), {})
    said = "[data]\nscale = 1\ncomplete = false\nlabels = ['benign', 'malignant']\ncolumns = { patient = 'case_id' }"
    told = read_config(write(tmp_path, said)).data
    assert (told.scale, told.complete, told.labels) == (1.0, False, ("benign", "malignant"))
    assert isinstance(told.scale, float)
    assert told.columns == {"patient": "case_id"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scale = 'half'", "data.scale in featkit.toml must be a number, got 'half'"),
        ("scale = true", "data.scale in featkit.toml must be a number, got True"),
        ("complete = 'yes'", "data.complete in featkit.toml must be true or false, got 'yes'"),
        ("labels = ['benign', 2]", "data.labels in featkit.toml must be a list, each item text, got 2"),
        ("columns = { patient = 1 }", "data.columns.patient in featkit.toml must be text, got 1"),
    ],
)
def test_keys_of_the_data_have_types(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_config(write(tmp_path, f"[data]\n{text}"))
