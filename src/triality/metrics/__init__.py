"""How good a generator, an energy or a discriminator is: pure functions on arrays, one measure a file."""
