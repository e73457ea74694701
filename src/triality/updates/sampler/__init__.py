"""How a generator of known density improves against an energy: gradients of one and the same or of another divergence, interchangeable."""
