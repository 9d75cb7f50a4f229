CREATE TABLE {t} ("quo`te""d" integer PRIMARY KEY, v integer);

INSERT INTO {t} SELECT n, n FROM {numbers 1000};
