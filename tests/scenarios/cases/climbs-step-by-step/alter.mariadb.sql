ALTER TABLE {t}
    ADD COLUMN e INT AS (a + 1) VIRTUAL,
    ADD INDEX by_e (e, a),
    COMMENT = 'climbed',
    RENAME COLUMN c TO cc;
