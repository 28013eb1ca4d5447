"""Speed measurements that anyone can repeat: `make bench`."""
