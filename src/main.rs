//! Decides by `argv[0]` and `argv[1]` who answers; nothing else happens here.
#![no_main]

cache::entry_point!(cache::cli::dispatch);
