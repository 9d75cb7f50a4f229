ALTER TABLE {t} ALTER doc TYPE jsonb USING doc::jsonb;
