"""Mutants of the files of a run: what is written, how, and what is checked when it is read."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ATOMIC, CHECKPOINT_FILE = "runs/atomic.py", "runs/checkpoint_file.py"

MUTANTS = (
    Mutant(
        "a file is renamed before it is on the disk",
        ATOMIC,
        "            os.fsync(file.fileno())\n",
        "",
        ("runs/test_atomic.py::test_order_of_system_calls",),
        "a power cut that leaves the new name on missing data",
    ),
    Mutant(
        "the folder is not synced",
        ATOMIC,
        "        sync_folder(path.parent)\n",
        "",
        ("runs/test_atomic.py::test_order_of_system_calls",),
        "a rename that a power cut undoes",
    ),
    Mutant(
        "what was written is not read back",
        ATOMIC,
        "if verify is not None:",
        "if verify is not None and not path.exists():",
        ("runs/test_atomic.py::test_an_exception_of_the_writer_or_the_verifier_passes_through",),
        "a good checkpoint given away for one that nobody has read",
    ),
    Mutant(
        "every exception is a full disk",
        ATOMIC,
        "except OSError as error:\n        reason = error.strerror or str(error)",
        "except Exception as error:\n        reason = str(error)",
        ("runs/test_atomic.py::test_an_exception_of_the_writer_or_the_verifier_passes_through",),
        "a catch-all that hides mistakes in the program",
    ),
    Mutant(
        "a write that failed says nothing",
        ATOMIC,
        "        reason = error.strerror or str(error)\n",
        "        return\n",
        ("runs/test_atomic.py::test_a_failing_system_call_keeps_the_old_file",),
        "an error swallowed: the run goes on without its checkpoint",
    ),
    Mutant(
        "the temporary file stays",
        ATOMIC,
        "            temporary.unlink()\n",
        "            pass\n",
        ("runs/test_atomic.py::test_an_exception_of_the_writer_or_the_verifier_passes_through",),
        "a disk that fills up with halves of checkpoints",
    ),
    Mutant(
        "the hash of a leaf is not compared",
        CHECKPOINT_FILE,
        "if entry != _entry(index, StoredLeaf(path, array, key_impl), payload):",
        'if entry | {"blake2b": ""} != _entry(index, StoredLeaf(path, array, key_impl), payload) | {"blake2b": ""}:',
        ("runs/test_checkpoint.py::test_tampered_files_with_sound_checksums",),
        "a checksum that is written and never read",
    ),
    Mutant(
        "additional members are let in",
        CHECKPOINT_FILE,
        "if missing or additional:",
        "if missing:",
        ("runs/test_checkpoint.py::test_tampered_files_with_sound_checksums",),
        "a reader that takes what it knows and ignores the rest",
    ),
    Mutant(
        "the configuration's hash is not compared",
        CHECKPOINT_FILE,
        'if content["config_hash"] != config_hash(content["config"]):',
        'if not content["config_hash"]:',
        ("runs/test_checkpoint.py::test_tampered_files_with_sound_checksums",),
        "a state that goes on under another configuration",
    ),
    Mutant(
        "another tree is read as far as it fits",
        "runs/checkpoint.py",
        '    problems += [f"{place}: expected no array, got one in the file" for place in stored if place not in wanted]\n',
        "",
        ("runs/test_checkpoint.py::test_another_tree_is_refused_and_every_difference_named",),
        "weights of a larger network half loaded",
    ),
    Mutant(
        "a name may stand twice in an archive",
        "runs/archive.py",
        "    if repeated:\n",
        "    if len(repeated) > 1:\n",
        ("data/test_demonstration_file.py::test_wrong_missing_and_duplicate_keys",),
        "two arrays of one key, of which a reader takes the last",
    ),
    Mutant(
        "a zip bomb is decompressed",
        "runs/archive.py",
        "if total > limits.ratio_from_bytes and total > limits.ratio * size:",
        "if total > limits.ratio_from_bytes and total > limits.ratio * size * size:",
        ("data/test_demonstration_file.py::test_zip_bombs_are_refused_before_they_are_decompressed", "runs/test_archive.py::test_limits"),
        "a size that is trusted because it is declared",
    ),
    Mutant(
        "a torn line melts into the next",
        "runs/metrics_log.py",
        "                _cut_torn_line(file)\n",
        "",
        ("runs/test_folder.py::test_metrics_are_lines_and_survive_a_torn_one",),
        "a log that no reader takes after a kill",
    ),
    Mutant(
        "overwrite removes what is not ours",
        "runs/folder.py",
        "    if foreign:\n",
        "    if len(foreign) > 9:\n",
        ("runs/test_folder.py::test_overwrite_refuses_a_folder_that_is_no_run",),
        "--overwrite on a wrong path",
    ),
)
