"""Hyperparameter search: Optuna asked and told by the scheduler alone, with trials that are ordinary runs.

objectives.py  what a trial is judged by        spaces.py    where settings are drawn from, and their grid
samplers.py    who suggests settings            study.py     the search's record, in Optuna's storage
search.py      asks, reports, prunes, tells     attempt.py   one trial and its runs
confirm.py     the best on fresh seeds          result.py    what a search found, for experiments and reports
board.py       what a user sees meanwhile       facts.py     a study as plain tables, for reports
"""
