"""What a run is, as values: the catalogue of names, the spec of a run, and experiments made of specs."""
