import dataclasses

import pytest

from featkit.core.config import _MOVED, Config, read_config
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


@pytest.mark.parametrize(("old", "new"), _MOVED.items())
def test_every_key_of_0_1_says_what_it_is_called_now(tmp_path, old, new):
    section, _, key = old.partition(".")
    with pytest.raises(InputError) as caught:
        read_config(write(tmp_path, f"[{section}]\n{key} = 1\n"))
    below, _, last = new.rpartition(".")
    said = f"{old} in featkit.toml is called {new} since version 0.2. Write it in [{below}] as {last}."
    assert str(caught.value) == said


@pytest.mark.parametrize("new", _MOVED.values())
def test_what_a_key_is_called_now_is_a_key(new):
    found = Config()
    for name in new.split("."):
        found = getattr(found, name)


def test_options_inside_options_are_tables_inside_tables(tmp_path):
    text = "[signatures]\ndeep = true\n[signatures.penalty]\nrule = 'C'\nvalue = 1\n[signatures.path]\nn_lambdas = 9\n"
    found = read_config(write(tmp_path, text)).signatures
    assert (found.deep, found.penalty.rule, found.penalty.value, found.path.n_lambdas) == (True, "C", 1.0, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[signatures.penalty]\nvalue = 1", "featkit.toml, [signatures.penalty]: value must be a positive penalty"),
        (
            "[signatures.stability]\nq = 'two'",
            "signatures.stability.q in featkit.toml must be a whole number, got 'two'",
        ),
        ("[evaluate]\nlevel = 95", "featkit.toml, [evaluate]: level must be strictly between 0 and 1, got 95.0"),
        ("[probe]\nregime = 'trainig'", "probe.regime in featkit.toml must be one of all, training, held-out"),
    ],
)
def test_values_out_of_range_name_their_table(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        read_config(write(tmp_path, text))
    assert said in str(caught.value)
