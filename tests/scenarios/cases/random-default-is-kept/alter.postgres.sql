ALTER TABLE {t} ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid(), ADD CONSTRAINT uq_token UNIQUE (token);
