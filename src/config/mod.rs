//! Configuration: one table of keys; environment over project file over user file over defaults.
