"""Several devices, and several machines: one program over a mesh with one axis, ``data``, that gives the numbers of one device."""
