"""From the store to what `reports` draws: the table of scores, memories, pictures, and what a cell is computed from."""
