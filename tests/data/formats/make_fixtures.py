"""Writes the small files that the readers are tested with, each by its format's own library.

    python make_fixtures.py expected minari d4rl lerobot csv     # where minari, datasets, h5py and pandas are installed
    python make_fixtures.py imitation                            # where imitation is installed

All hold the same three episodes; ``expected.npz`` holds what a reader has to make of them. Versions are in README.md beside this file.
HDF5 files are mostly empty pages, so they are kept packed, as ``.hdf5.gz``; the tests unpack them byte by byte.
"""

import gzip
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LENGTHS = (4, 6, 3)
ENDS = ("terminated", "truncated", "terminated")


def episodes():
    """Three episodes of a toy: (T+1) positions (2), velocities (1), a counter and a picture; T actions, rewards and log-densities."""
    made = []
    for index, length in enumerate(LENGTHS):
        draw = np.random.default_rng(index)
        flags = np.zeros((2, length), bool)
        flags[0 if ENDS[index] == "terminated" else 1, -1] = True
        made.append(
            {
                "position": draw.normal(size=(length + 1, 2)).astype(np.float32),
                "velocity": draw.normal(size=(length + 1, 1)).astype(np.float32),
                "ticks": np.arange(length + 1, dtype=np.int64) % 5,
                "camera": draw.integers(0, 255, size=(length + 1, 32, 32), dtype=np.uint8) // 64 * 64,
                "actions": draw.uniform(-1, 1, size=(length, 2)).astype(np.float32),
                "choices": draw.integers(0, 3, size=length),
                "rewards": draw.normal(size=length),
                "log_prob": draw.normal(size=length).astype(np.float32),
                "terminated": flags[0],
                "truncated": flags[1],
            }
        )
    return made


def plain(episode):
    """Position and velocity side by side: the observation of the formats that have no dictionaries. (T+1, 3)."""
    return np.concatenate([episode["position"], episode["velocity"]], axis=1)


def pack(path):
    """Replaces a file by its gzip, without a clock in it."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()


def expected():
    everything = episodes()
    arrays = {
        key: np.concatenate([episode[key] for episode in everything]) for key in everything[0] if len(everything[0][key]) == LENGTHS[0]
    }
    for key in ("position", "velocity", "ticks"):
        arrays[key] = np.concatenate([episode[key][:-1] for episode in everything])
        arrays[f"next_{key}"] = np.concatenate([episode[key][1:] for episode in everything])
    np.savez_compressed(HERE / "expected.npz", lengths=np.array(LENGTHS), **arrays)


def minari():
    """A dictionary of observations with a tuple and a picture in it (HDF5, Arrow), and discrete actions (HDF5)."""
    os.environ["MINARI_DATASETS_PATH"] = str(HERE / "minari")
    import gymnasium
    import minari
    from gymnasium.spaces import Box, Dict, Discrete, Tuple
    from minari.data_collector import EpisodeBuffer

    shutil.rmtree(HERE / "minari", ignore_errors=True)
    body = Dict({"velocity": Box(-np.inf, np.inf, (1,), np.float32), "position": Box(-np.inf, np.inf, (2,), np.float32)})
    space = Dict({"body": body, "clock": Tuple([Discrete(5)]), "camera": Box(0, 255, (32, 32), np.uint8)})
    spec = gymnasium.make("Pendulum-v1").spec

    def buffer(episode, observations, actions):
        flags = {"terminations": list(episode["terminated"]), "truncations": list(episode["truncated"])}
        infos = {"log_prob": np.concatenate([[0], episode["log_prob"]]).astype(np.float32)}
        return EpisodeBuffer(observations=observations, actions=actions, rewards=list(episode["rewards"]), infos=infos, **flags)

    def nested(episode):
        body = {"velocity": list(episode["velocity"]), "position": list(episode["position"])}
        return {"body": body, "clock": (list(episode["ticks"]),), "camera": list(episode["camera"])}

    for name, how in {"toy/dict-hdf5-v0": "hdf5", "toy/dict-arrow-v0": "arrow"}.items():
        minari.create_dataset_from_buffers(
            name,
            [buffer(episode, nested(episode), list(episode["actions"])) for episode in episodes()],
            env=spec,
            observation_space=space,
            action_space=Box(-1, 1, (2,), np.float32),
            algorithm_name="by chance",
            code_permalink="tests/data/formats/make_fixtures.py",
            author="triality",
            author_email="none@example.org",
            data_format=how,
        )
    minari.create_dataset_from_buffers(
        "toy/discrete-v0",
        [buffer(episode, list(plain(episode)), list(episode["choices"])) for episode in episodes()],
        observation_space=Box(-np.inf, np.inf, (3,), np.float32),
        action_space=Discrete(3),
        data_format="hdf5",
    )
    for path in HERE.glob("minari/toy/*/data/main_data.hdf5"):
        pack(path)


def imitation():
    """As ``imitation.data.serialize.save`` does: with rewards and infos; and without, with discrete actions."""
    from imitation.data import serialize
    from imitation.data.types import Trajectory, TrajectoryWithRew

    def infos(episode):
        return np.array([{"TimeLimit.truncated": bool(cut), "note": "a dictionary"} for cut in episode["truncated"]])

    rewarded = [
        TrajectoryWithRew(obs=plain(e), acts=e["actions"], infos=infos(e), terminal=True, rews=e["rewards"].astype(np.float32))
        for e in episodes()
    ]
    bare = [Trajectory(obs=plain(e), acts=e["choices"], infos=None, terminal=bool(e["terminated"][-1])) for e in episodes()]
    for name, trajectories in {"continuous": rewarded, "discrete": bare}.items():
        shutil.rmtree(HERE / "imitation" / name, ignore_errors=True)
        serialize.save(HERE / "imitation" / name, trajectories)


def d4rl():
    """h5py with the names, types and compression of D4RL's own scripts/generation/mujoco/collect_data.py; two steps left unfinished."""
    import h5py

    everything = episodes()
    unfinished = {key: array[:2] for key, array in everything[0].items()}
    steps = [{**e, "next": plain(e)[1:], "now": plain(e)[:-1]} for e in everything]
    steps.append({**unfinished, "now": plain(everything[0])[:2], "next": plain(everything[0])[1:3]})

    def stack(key, dtype):
        return np.concatenate([step[key] for step in steps]).astype(dtype)

    names = {
        "observations": "now",
        "next_observations": "next",
        "actions": "actions",
        "rewards": "rewards",
        "infos/action_log_probs": "log_prob",
    }
    with h5py.File(HERE / "d4rl.hdf5", "w") as file:
        for name, key in names.items():
            file.create_dataset(name, data=stack(key, np.float32), compression="gzip")
        for name, key in {"terminals": "terminated", "timeouts": "truncated"}.items():
            file.create_dataset(name, data=stack(key, bool), compression="gzip")
        file.create_dataset("infos/qpos", data=stack("now", np.float32)[:, :2], compression="gzip")
        file.create_dataset("infos/qvel", data=stack("now", np.float32)[:, 2:], compression="gzip")
        file["metadata/algorithm"] = np.bytes_("SAC")
    pack(HERE / "d4rl.hdf5")


def lerobot():
    """Parquet by ``datasets``, with the features, folders and metadata of LeRobotDataset v3.0; two data files."""
    import datasets
    import pandas as pd

    root = HERE / "lerobot"
    shutil.rmtree(root, ignore_errors=True)
    vector = {"observation.state": (3,), "action": (2,)}
    scalars = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
    scalars |= {"next.reward": "float32", "next.done": "bool"}
    features = {name: datasets.Sequence(datasets.Value("float32"), length=shape[0]) for name, shape in vector.items()}
    features |= {name: datasets.Value(dtype) for name, dtype in scalars.items()}
    start, records, rows = 0, [], [[], []]
    for number, episode in enumerate(episodes()):
        length = len(episode["actions"])
        for t in range(length):
            row = {"observation.state": plain(episode)[t].tolist(), "action": episode["actions"][t].tolist(), "timestamp": t / 10}
            row |= {"frame_index": t, "episode_index": number, "index": start + t, "task_index": 0}
            rows[number // 2].append(row | {"next.reward": float(episode["rewards"][t]), "next.done": t == length - 1})
        where = {"data/chunk_index": 0, "data/file_index": number // 2, "dataset_from_index": start, "dataset_to_index": start + length}
        records.append({"episode_index": number, "tasks": ["toy"], "length": length, **where})
        start += length
    for part, content in enumerate(rows):
        file = root / f"data/chunk-000/file-{part:03d}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_list(content, features=datasets.Features(features)).to_parquet(file)
    (root / "meta/episodes/chunk-000").mkdir(parents=True)
    datasets.Dataset.from_list(records).to_parquet(root / "meta/episodes/chunk-000/file-000.parquet")
    pd.DataFrame({"task_index": [0]}, index=pd.Index(["toy"], name="task")).to_parquet(root / "meta/tasks.parquet")
    shapes = {name: {"dtype": "float32", "shape": list(shape), "names": None} for name, shape in vector.items()}
    shapes |= {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in scalars.items()}
    shapes["observation.images.front"] = {"dtype": "video", "shape": [96, 96, 3], "names": ["height", "width", "channels"]}
    info = {"codebase_version": "v3.0", "robot_type": "toy", "total_episodes": 3, "total_frames": start, "total_tasks": 1}
    info |= {"chunks_size": 1000, "data_files_size_in_mb": 100, "video_files_size_in_mb": 200, "fps": 10, "splits": {"train": "0:3"}}
    info |= {"data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"}
    info |= {"video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4", "features": shapes}
    (root / "meta/info.json").write_text(json.dumps(info, indent=4))


def csv():
    """One row a step, by pandas."""
    import pandas as pd

    rows = []
    for number, e in enumerate(episodes()):
        for t in range(len(e["actions"])):
            now = plain(e)[t]
            row = {"episode": number, **{f"obs_{i}": now[i] for i in range(3)}, **{f"action_{i}": e["actions"][t, i] for i in range(2)}}
            row |= {"reward": e["rewards"][t], "terminated": e["terminated"][t], "truncated": e["truncated"][t]}
            rows.append(row | {"log_prob": e["log_prob"][t]})
    pd.DataFrame(rows).to_csv(HERE / "steps.csv", index=False)


if __name__ == "__main__":
    for which in sys.argv[1:]:
        {"expected": expected, "minari": minari, "imitation": imitation, "d4rl": d4rl, "lerobot": lerobot, "csv": csv}[which]()
