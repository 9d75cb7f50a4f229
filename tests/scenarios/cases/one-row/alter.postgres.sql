ALTER TABLE {t} ALTER note TYPE text USING note || '';
