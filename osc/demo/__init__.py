"""A change under live writers on a throwaway server, to be watched and checked by anybody."""
