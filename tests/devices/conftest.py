"""What is no test here: a program of a process of its own, which says how many devices there are."""

collect_ignore = ["four_devices.py"]
