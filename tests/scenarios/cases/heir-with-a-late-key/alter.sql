ALTER TABLE {t} ALTER extra TYPE bigint, ADD CONSTRAINT more CHECK (extra > -5), ADD COLUMN late text DEFAULT 'm';
