"""Throwaway database servers on loopback, for the demo and the tests."""
