"""Converts weights that other code bases published for the models of this suite.

A file is recognised only by the names and shapes in it. `state_dict` takes the weights out of whatever they are wrapped in,
`recognition` finds the converter of their family, and `plan` checks every name and shape before anything is loaded.
Each family has a file: what its names are, and which of our parameters they are.
"""
