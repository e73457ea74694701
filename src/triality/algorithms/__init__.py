"""Algorithms: frozen modules with ``init`` and ``step``, one a file."""
