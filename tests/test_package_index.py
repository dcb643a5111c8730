"""What pip says is passed on in a few words, without the addresses that it was given."""

import pytest

from bench.common import package_index


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("WARNING: Retrying ... NewConnectionError\nERROR: No matching distribution found for x", "no index can be reached"),
        ("ERROR: No matching distribution found for x==1", "no index that pip is set up with has it"),
        ("ERROR: HTTP error 403 for https://me:secret@host/x", "HTTP error 403 for (address)"),
        ("", "pip failed without a word"),
    ],
)
def test_pips_failures_are_told_in_a_few_words_without_addresses(output: str, reason: str):
    assert package_index.reason(output) == reason
