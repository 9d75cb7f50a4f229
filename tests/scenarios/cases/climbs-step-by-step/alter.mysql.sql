ALTER TABLE {t}
    ADD COLUMN e INT NOT NULL DEFAULT 7,
    ADD INDEX by_e (e, a),
    COMMENT = 'climbed',
    RENAME COLUMN c TO cc,
    DROP COLUMN d;
