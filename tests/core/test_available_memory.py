from featkit.core.available_memory import available_bytes

MIB = 1 << 20


def system(root, *, machine=1000, group="", files=()):
    """Write what a system says of its memory, in MiB, under ``root``."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 9999999 kB\nMemAvailable: {machine * 1024} kB\n")
    (root / "proc/self/cgroup").write_text(group)
    for name, text in files:
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def version_2(folder, limit, used, cache=0):
    most = limit if limit == "max" else str(limit * MIB)
    return [
        (f"{folder}/memory.max", f"{most}\n"),
        (f"{folder}/memory.current", f"{used * MIB}\n"),
        (f"{folder}/memory.stat", f"anon 5\ninactive_file {cache * MIB}\n"),
    ]


def test_without_limits_it_is_what_the_machine_has(tmp_path):
    assert available_bytes(system(tmp_path)) == 1000 * MIB
    assert available_bytes() > MIB


def test_the_limit_of_a_batch_job_counts_and_its_file_cache_does_not(tmp_path):
    files = version_2("slurm/job_7", 300, 120, cache=50)
    assert available_bytes(system(tmp_path, group="0::/slurm/job_7\n", files=files)) == 230 * MIB


def test_the_tightest_of_nested_groups_counts(tmp_path):
    files = version_2("slurm", 200, 150) + version_2("slurm/job_7", "max", 120) + version_2(".", "max", 500)
    assert available_bytes(system(tmp_path, group="0::/slurm/job_7\n", files=files)) == 50 * MIB


def test_a_group_beyond_its_limit_leaves_nothing(tmp_path):
    files = version_2("job", 100, 120)
    assert available_bytes(system(tmp_path, group="0::/job\n", files=files)) == 0


def test_groups_of_the_first_version(tmp_path):
    files = [
        ("memory/docker/a/memory.limit_in_bytes", f"{400 * MIB}\n"),
        ("memory/docker/a/memory.usage_in_bytes", f"{100 * MIB}\n"),
        ("memory/docker/a/memory.stat", f"total_inactive_file {20 * MIB}\n"),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("memory/memory.usage_in_bytes", f"{500 * MIB}\n"),
        ("memory/memory.stat", "total_inactive_file 0\n"),
    ]
    group = "9:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/\n"
    assert available_bytes(system(tmp_path, group=group, files=files)) == 320 * MIB


def test_a_machine_that_says_nothing_is_taken_at_its_pages_or_four_gib(tmp_path):
    assert available_bytes(tmp_path) > 0
