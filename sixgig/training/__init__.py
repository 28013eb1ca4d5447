"""What the two trainings share. It also runs under Python 3.7."""
