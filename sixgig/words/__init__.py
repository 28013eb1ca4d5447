"""What people read: titles, numbers, languages."""
