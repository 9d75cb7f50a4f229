"""What a reviewer would say of an ALTER, one rule a function."""
