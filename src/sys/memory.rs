//! How the allocator gets its memory.

/// Prepares the allocator for many files that are read one by one: the heap grows in
/// large steps. Otherwise it grows by a few pages and a system call at a time, and large
/// buffers are mapped and unmapped one by one.
pub fn expect_many_buffers() {
    #[cfg(target_env = "gnu")]
    {
        let settings = [
            (libc::M_TOP_PAD, 2 << 20),
            (libc::M_TRIM_THRESHOLD, 256 << 20),
            (libc::M_MMAP_THRESHOLD, 8 << 20),
        ];
        for (setting, value) in settings {
            // SAFETY: it changes numbers under the allocator's own lock.
            unsafe {
                libc::mallopt(setting, value);
            }
        }
    }
}
