"""Sequences from files: every kind that is read, and every way in which one can be wrong."""

import numpy as np
import pytest

from triality.data.sequence_file import Asked, read_sequences
from triality.data.sequences import SequenceData
from triality.errors import ConfigError, DataError

LINES = ["a cat sat on a mat", "a dog sat", "the cat and the dog ran", "a mat"] * 10


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_lines_of_numbers_are_sequences(tmp_path):
    data = read_sequences(write(tmp_path / "x.txt", "\n".join(["3 1 4", "1 5 9"] * 15)), Asked())
    assert data.train.shape == (24, 3)
    assert (len(data.valid), len(data.test), data.vocabulary, data.end) == (3, 3, 10, None)
    everything = np.concatenate([data.train, data.valid, data.test])
    assert {tuple(row) for row in everything.tolist()} == {(3, 1, 4), (1, 5, 9)}
    assert data.written(np.array([3, 1, 4])) == "3 1 4"


def test_sequences_of_numbers_that_end_are_filled_with_their_end(tmp_path):
    data = read_sequences(write(tmp_path / "x.txt", "\n".join(["3 1", "1"] * 15)), Asked(length=4, end=0))
    assert {tuple(row) for row in data.train.tolist()} == {(3, 1, 0, 0), (1, 0, 0, 0)}
    assert data.written(np.array([3, 1, 0, 0])) == "3 1"


def test_a_line_of_text_is_a_sequence_of_words(tmp_path):
    data = read_sequences(write(tmp_path / "x.txt", "\n".join(LINES)), Asked())
    assert data.end == 0
    assert data.words[0] == "<end>"
    assert data.length == 6
    written = {data.written(row) for row in data.train}
    assert written <= set(LINES)
    assert data.vocabulary == len(data.words)


def test_marks_of_punctuation_are_words(tmp_path):
    data = read_sequences(write(tmp_path / "x.txt", "\n".join(["a wheel.", "wait, what?"] * 15)), Asked())
    assert {data.written(row) for row in data.train} == {"a wheel .", "wait , what ?"}


def test_a_test_file_of_its_own(tmp_path):
    own = write(tmp_path / "test.txt", "a dog ran\na fish swam")
    data = read_sequences(write(tmp_path / "x.txt", "\n".join(LINES)), Asked(test=own))
    assert (len(data.train), len(data.valid), len(data.test)) == (36, 4, 2)
    assert [data.written(row) for row in data.test] == ["a dog ran", "a <unknown> <unknown>"]
    with pytest.raises(DataError, match="expected a test file beside lines of text only"):
        read_sequences(write(tmp_path / "n.txt", "\n".join(["1 2"] * 30)), Asked(test=own))
    with pytest.raises(DataError, match=r"none\.txt: expected a file of text"):
        read_sequences(tmp_path / "x.txt", Asked(test=tmp_path / "none.txt"))


def test_rare_words_become_one_token(tmp_path):
    data = read_sequences(write(tmp_path / "x.txt", "\n".join(LINES)), Asked(vocabulary=4))
    assert data.vocabulary == 4
    assert data.words[1] == "<unknown>"
    assert "<unknown>" in " ".join(data.written(row) for row in data.train)


def test_one_long_text_becomes_windows_of_characters(tmp_path):
    text = "to be or not to be, that is the question. " * 60
    data = read_sequences(write(tmp_path / "x.txt", text), Asked(length=16, unit="characters", cut="windows"))
    assert (data.end, data.length, data.joiner) == (None, 16, "")
    assert data.written(data.train[0]) == text[:16]
    joined = "".join(data.written(row) for part in (data.train, data.valid, data.test) for row in part)
    assert joined[: len(data.train) * 16] == text[: len(data.train) * 16]  # training is the beginning, in order


def test_byte_level_pieces_lose_nothing(tmp_path):
    pytest.importorskip("tokenizers")
    lines = [f"{line} é ☃" for line in LINES]
    data = read_sequences(write(tmp_path / "x.txt", "\n".join(lines)), Asked(unit="pieces", vocabulary=300))
    assert data.vocabulary <= 300
    ascii_only = read_sequences(write(tmp_path / "y.txt", "\n".join(LINES)), Asked(unit="pieces", vocabulary=300))
    assert {ascii_only.written(row) for row in ascii_only.train} <= set(LINES)
    assert ascii_only.train.shape[1] < max(len(line) for line in LINES)  # some pieces are longer than a byte


def test_tokens_in_an_npz(tmp_path):
    rows = np.arange(60).reshape(30, 2) % 7
    np.savez(tmp_path / "x.npz", tokens=rows)
    assert read_sequences(tmp_path / "x.npz", Asked()).vocabulary == 7
    np.savez(tmp_path / "flat.npz", tokens=np.tile([1, 2, 3], 20), lengths=np.tile([1, 2], 20))
    data = read_sequences(tmp_path / "flat.npz", Asked(end=0))
    assert {tuple(row) for row in data.train.tolist()} == {(1, 0), (2, 3)}


def test_chords_are_a_voice_after_the_other_and_pieces_do_not_run_into_each_other(tmp_path):
    piece = np.stack([np.arange(10), 50 + np.arange(10)], axis=1).astype(np.int16)
    silent = piece.copy()
    silent[0] = -1
    arrays = {part: np.concatenate([silent, piece]) for part in ("train", "valid", "test")}
    np.savez(tmp_path / "x.npz", **arrays, **{f"{part}_lengths": [10, 10] for part in arrays})
    data = read_sequences(tmp_path / "x.npz", Asked(length=8))
    assert data.train.shape == (4, 8)  # ten chords of two voices: two windows of four chords a piece, the rest left out
    assert data.written(data.train[0]) == "- - 1 51 2 52 3 53"
    assert data.written(data.train[2]) == "0 50 1 51 2 52 3 53"
    with pytest.raises(DataError, match="expected windows of whole chords of 2 voices, got --length 7"):
        read_sequences(tmp_path / "x.npz", Asked(length=7))


BAD = {
    "out of range": ("\n".join(["1 2", "1 9"] * 15), Asked(vocabulary=5), r"expected tokens 0 \.\. 4, got 9 in sequence 1"),
    "too long": (
        "\n".join(["1 2", "1 2 3"] * 15),
        Asked(length=2, end=0),
        r"expected at most 2 tokens, got 3 in sequence 1 \(15 are too long\)",
    ),
    "other lengths": ("\n".join(["1 2", "1 2 3"] * 15), Asked(), "expected 3 tokens in every sequence where there is no end token"),
    "after the end": ("\n".join(["1 0 2", "1 2 0"] * 15), Asked(end=0), "expected nothing after the end token 0, got more in sequence 0"),
    "too few": ("1 2\n2 1", Asked(), "expected at least 20 sequences, got 2"),
    "nothing": ("\n\n", Asked(), "expected lines of text or of numbers, got none"),
    "long words": ("\n".join(LINES), Asked(length=3), "expected at most 3 tokens, got 6"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_text_is_refused_by_name(tmp_path, name):
    text, asked, message = BAD[name]
    with pytest.raises(DataError, match=message) as caught:
        read_sequences(write(tmp_path / "bad.txt", text), asked)
    assert "bad.txt" in str(caught.value)


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"caf\xe9 is not utf-8\n" * 30)
    with pytest.raises(DataError, match="expected text in UTF-8, got byte 3 that is none"):
        read_sequences(tmp_path / "x.txt", Asked())


def test_npz_that_cannot_be_sequences_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", tokens=np.zeros((30, 2)))
    with pytest.raises(DataError, match="expected whole numbers of shape"):
        read_sequences(tmp_path / "x.npz", Asked())
    np.savez(tmp_path / "x.npz", tokens=np.zeros(30, int), lengths=np.array([3, 4]))
    with pytest.raises(DataError, match="expected lengths that add up to 30 tokens, got a sum of 7"):
        read_sequences(tmp_path / "x.npz", Asked(end=0))
    np.savez(tmp_path / "x.npz", tokens=np.tile([1, 2], 15), lengths=np.array([0, *[1] * 30]))
    with pytest.raises(DataError, match="expected sequences of one token or more, got empty ones: 0"):
        read_sequences(tmp_path / "x.npz", Asked(end=0))
    np.savez(tmp_path / "x.npz", tokens=np.array([object()] * 30))
    with pytest.raises(DataError):
        read_sequences(tmp_path / "x.npz", Asked())
    np.savez(tmp_path / "x.npz", words=np.zeros(3))
    with pytest.raises(DataError, match="expected an array tokens, or train, valid and test with their lengths, got words"):
        read_sequences(tmp_path / "x.npz", Asked())


def test_no_file_and_no_content_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected a file of sequences, got none there"):
        read_sequences(tmp_path / "none.txt", Asked())
    (tmp_path / "empty.txt").touch()
    with pytest.raises(DataError, match="expected a file of 1 byte to 2 GiB, got 0 bytes"):
        read_sequences(tmp_path / "empty.txt", Asked())


def test_a_vocabulary_that_is_too_small_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected a vocabulary of at least 3 words, got 2"):
        read_sequences(write(tmp_path / "x.txt", "\n".join(LINES)), Asked(vocabulary=2))


def test_a_character_that_training_lacks_is_unknown_and_ends_nothing(tmp_path):
    lines = ["abc def gh"] * 60
    lines[7] = "abc def gé"
    for seed in range(12):
        data = read_sequences(write(tmp_path / "x.txt", "\n".join(lines)), Asked(unit="characters", seed=seed))
        everything = np.concatenate([data.train, data.valid, data.test])
        assert np.all(np.sum(everything != data.end, axis=1) == 10)  # no line was cut


def test_tokens_that_training_lacks_are_told(tmp_path):
    lines = ["1 2 3"] * 40 + ["4 5 6"]
    told = [read_sequences(write(tmp_path / "x.txt", "\n".join(lines)), Asked(seed=seed)).notes for seed in range(20)]
    assert any("tokens of the held-out sequences that are in no training sequence: 3" in " ".join(notes) for notes in told)


def test_a_written_sequence_stops_at_its_end():
    rows = np.zeros((2, 3), np.int32)
    data = SequenceData(rows, rows, rows, 3, 0, ("<end>", "a", "b"), " ")
    assert [data.written(np.array(row)) for row in ([1, 2, 0], [0, 0, 0], [1, 2, 1])] == ["a b", "", "a b a"]
