"""What two trainings share. It runs under Python 3.7 too."""
