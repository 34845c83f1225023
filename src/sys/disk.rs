//! File systems as a whole.

use std::path::Path;

/// The size in bytes of the file system that holds `path`, or would hold it:
/// a path that does not exist yet counts for its nearest ancestor that does.
pub fn size_of_file_system(path: &Path) -> Option<u64> {
    path.ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .find_map(|path| rustix::fs::statvfs(path).ok())
        .map(|figures| figures.f_blocks.saturating_mul(figures.f_frsize))
}
