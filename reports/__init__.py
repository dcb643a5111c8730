"""Scores -> tables, statistics, curves and pages. Sees one pandas table of per-frame scores and nothing else.

`claim`, `metric` and `quantities` are plain values that `bench` uses, too.
"""
