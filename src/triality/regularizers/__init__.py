"""What keeps an energy tame, as parts that one adds: a penalty is called as ``penalty(key, energy, data, drawn)`` and never sees log Z."""
