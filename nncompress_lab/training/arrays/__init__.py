"""What a student loses against its teacher, on arrays."""
