"""What only MySQL and MariaDB have."""
