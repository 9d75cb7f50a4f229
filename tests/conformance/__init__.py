"""One suite for every port, run against every engine that is there."""
