//! How the allocator gets its memory.

/// Prepares the allocator for a second thread that reads many files: both share
/// one heap that grows in large steps. Otherwise glibc gives the thread a heap of
/// its own, which grows by a page and a system call at a time, and large buffers
/// are mapped and unmapped one by one.
pub fn expect_many_buffers() {
    #[cfg(target_env = "gnu")]
    {
        let settings = [
            (libc::M_ARENA_MAX, 1),
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
