"""What every job needs, no matter what it computes: files, logs, progress, digests, environments."""
