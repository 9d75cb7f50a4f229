"""The stages of a migration, one file each, in the order of `osc.model.phase`."""
