"""Whether a finished study is still what it was, and whether its parts agree with each other."""
