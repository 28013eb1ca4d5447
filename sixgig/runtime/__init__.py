"""What every job needs, whatever it computes: files, logs, progress, digests, environments."""
