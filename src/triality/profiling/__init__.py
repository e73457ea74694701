"""How far a compiled program is from what the machine can do: time, operations and bytes of its stages, beside the machine's own limits."""
