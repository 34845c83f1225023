//! What is said of a test that cannot run here; for the library's own tests as well.

use std::io::Write as _;

/// Says that (a part of) the running test is skipped and why. With
/// `CACHE_TEST_REQUIRE_ALL` set, as in CI, nothing may be skipped.
pub fn skip(why: &str) {
    if std::env::var_os("CACHE_TEST_REQUIRE_ALL").is_some() {
        panic!("may not be skipped here: {why}");
    }
    say_skipped(why);
}

/// [`skip`] for what no installation can give, so that CI goes on as well. Past the test
/// harness, which hides what a passing test prints.
pub fn say_skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test");
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
