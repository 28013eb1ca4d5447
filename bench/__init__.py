"""Measurements that anyone can repeat (`make bench`), and the results that the README shows (`make showcase`)."""
