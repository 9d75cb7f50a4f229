"""Values and rules of a migration, without any I/O."""
