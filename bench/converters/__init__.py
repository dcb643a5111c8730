"""Weights that other code bases published, put into the models of this suite.

A file is told by the names and shapes in it alone. `state_dict` takes the weights out of whatever they are wrapped in,
`recognition` finds the converter of their family, and `plan` checks every name and shape before anything is loaded.
Each family has a file: what its names are, and which of our parameters they are.
"""
