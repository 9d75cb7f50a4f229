DROP USER IF EXISTS osc_reader;
CREATE USER osc_reader;
