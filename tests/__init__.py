"""Tests of osc."""
