import hashlib

from hypothesis import given
from hypothesis import strategies as st

import featkit
from featkit.core.provenance import code_hash, environment, file_sha256, json_sha256


def test_environment_names_the_versions():
    found = environment()
    assert found["versions"]["featkit"] == featkit.__version__
    assert len(found["code_sha256"]) == len(code_hash()) == 64


def test_file_hash_is_sha256(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x" * 3_000_000)
    assert file_sha256(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


@given(st.dictionaries(st.text(), st.integers()))
def test_json_hash_ignores_key_order(value):
    assert json_sha256(value) == json_sha256(dict(reversed(value.items())))
