"""Hyperparameter search: Optuna asked and told by the scheduler alone, with trials that are ordinary runs.

objectives.py  what a trial is judged by        spaces.py    where settings are drawn from, and their grid
samplers.py    who suggests settings            study.py     the search's record, in Optuna's storage
search.py      asks, reports, prunes, tells     trial.py     one trial and its runs
confirm.py     the best on fresh seeds          session.py   one `bench tune`: the search, then the confirmation
display.py     what a user sees meanwhile       tables.py    a study as plain tables, for reports
"""
