"""What an operator sees and turns while a migration runs."""
