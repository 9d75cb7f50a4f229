CREATE TABLE {t} (padded char(20) NOT NULL, raw text NOT NULL, v integer, PRIMARY KEY (padded, raw));

INSERT INTO {t} SELECT 'k' || n % 50 || CASE WHEN n % 2 = 0 THEN ' ' ELSE '' END, n / 50 || CASE WHEN n % 3 = 0 THEN ' ' ELSE '' END, n FROM {numbers 2000};
