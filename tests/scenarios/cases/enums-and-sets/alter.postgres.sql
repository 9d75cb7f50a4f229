ALTER TABLE {t} ALTER a TYPE paint USING a::text::paint, ALTER c TYPE colour USING c::colour, ADD COLUMN e paint NOT NULL DEFAULT 'yellow';
