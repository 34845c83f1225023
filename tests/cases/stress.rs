//! Many processes, hits and misses mixed, in a store that evicts all the time.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::env::{Compiler, one};
use crate::support::cache_binary;

const WORKERS: usize = 16;
const CALLS: usize = 128;
const SOURCES: usize = 12;

/// No call fails, each object is the compiler's, and each call is counted once.
#[test]
fn s4_sixteen_workers_and_an_evicting_store() {
    one(Compiler::Gcc, |env| {
        for n in 0..SOURCES {
            // Objects of 40 KiB: a budget of 200 KB holds a few of them.
            let text = format!("int x{n};\nconst char pad[40000] = {{{n}, 1}};\n");
            env.write(&format!("s{n}.c"), text);
            let (source, object) = (format!("s{n}.c"), format!("alone{n}.o"));
            let mut alone = env.command("gcc");
            let done = alone.args(["-c", &source, "-o", &object]).status();
            assert!(done.unwrap().success());
        }
        let before = env.counters();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    loop {
                        let call = next.fetch_add(1, Ordering::Relaxed);
                        if call >= CALLS {
                            return;
                        }
                        // Some sources come again soon, some late.
                        let n = call * call % 37 % SOURCES;
                        let (source, object) = (format!("s{n}.c"), format!("o{call}.o"));
                        let done = env
                            .command(cache_binary())
                            .args(["gcc", "-c", &source, "-o", &object])
                            .env("CACHE_MAX_SIZE", "200kB")
                            .env("CACHE_COMPRESSION", "false")
                            .stdin(Stdio::null())
                            .output()
                            .unwrap();
                        assert!(done.status.success(), "{call}: {done:?}");
                        assert!(done.stderr.is_empty(), "{call}: {done:?}");
                        assert!(
                            env.read(&object) == env.read(&format!("alone{n}.o")),
                            "{call}: another object than the compiler's"
                        );
                    }
                });
            }
        });
        let counted = env.counters().since(&before);
        assert_eq!(counted.cacheable(), CALLS as i64, "{counted:?}");
        assert!(counted.hits() > 0, "{counted:?}");
        let misses = counted.get("cache_miss");
        assert!(misses > SOURCES as i64, "nothing was evicted: {counted:?}");
        let wrong: Vec<_> = counted.0.keys().filter(|k| k.contains("error")).collect();
        assert!(wrong.is_empty(), "{counted:?}");
    });
}
