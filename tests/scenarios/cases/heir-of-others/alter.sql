ALTER TABLE {t} ALTER extra TYPE bigint, ADD COLUMN more text DEFAULT 'm';
