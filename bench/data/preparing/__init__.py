"""How data sets get to where runs find them: sources, packing, checks, and looking at the result."""
