ALTER TABLE {t}
    ADD COLUMN currency CHAR(3) NOT NULL DEFAULT 'EUR',
    MODIFY state ENUM('new', 'paid', 'sent') NOT NULL DEFAULT 'new' COMMENT 'where it stands',
    ALTER COLUMN amount SET DEFAULT 1,
    DROP COLUMN gone;
