"""What a running study tells people: its progress, its end, and whom to call then."""
