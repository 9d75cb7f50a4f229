"""Whole migrations on real servers, compared with a twin that got the native ALTER."""
