"""doctor: what this machine has."""

from __future__ import annotations

import sys

from bench.commands import _options, _output


def doctor(as_json: _options.Json = False, store_path: _options.StorePath = None) -> None:
    """Show what this machine has, and what is missing.

    Prints what belongs in a bug report: version, commit, system, Python, packages and CUDA; and devices, disk, store, LPIPS
    backbone and data, with what to do about what is missing.
    """
    from bench.maintenance.doctor import examine

    findings = examine(_options.store(store_path))
    if as_json:
        _output.print_json([vars(finding) for finding in findings])
        return
    width = max(len(finding.what) for finding in findings)
    marks = {"good": "✓", "note": "•", "bad": "✗"}
    for finding in findings:
        print(f"{marks[finding.verdict]} {finding.what:<{width}}  {finding.found}")
        if finding.remedy:
            print(f"  {'':<{width}}  {finding.remedy}")
    if any(finding.verdict == "bad" for finding in findings):
        sys.exit(1)
