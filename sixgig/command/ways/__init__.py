"""Ways to open a folder or file with an adapter: one module for each adapter that has more than its defaults."""
