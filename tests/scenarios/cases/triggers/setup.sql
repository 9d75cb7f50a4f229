CREATE USER IF NOT EXISTS 'osc definer'@'localhost';
GRANT ALL ON *.* TO 'osc definer'@'localhost';
