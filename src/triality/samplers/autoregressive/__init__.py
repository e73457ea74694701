"""Generators of known density for vectors of small integers, coordinate by coordinate: log q(x) = sum_i log q(x_i | x_1 .. x_{i-1})."""
