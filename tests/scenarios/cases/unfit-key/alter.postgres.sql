ALTER TABLE {t} ALTER id TYPE integer;
