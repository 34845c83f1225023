//! What environment variables do to a compile.
//!
//! Everything not listed does not count. From the manuals of gcc 12 ("Environment
//! Variables Affecting GCC", of cpp and of the driver) and clang 19.

/// What a variable that is set does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EnvEffect {
    /// Counts in every key.
    Key,
    /// Counts in every key, and in the key of the search path probe.
    KeyAndSearch,
    /// The call is handed to the compiler.
    PassThrough,
    /// Does not count.
    Ignored,
}

/// A variable and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub effect: EnvEffect,
    pub doc: &'static str,
}

const fn v(name: &'static str, effect: EnvEffect, doc: &'static str) -> Variable {
    Variable { name, effect, doc }
}

use EnvEffect::{Ignored, Key, KeyAndSearch, PassThrough};

/// Sorted by name.
#[rustfmt::skip]
pub static VARIABLES: &[Variable] = &[
    v("AS_SECURE_LOG_FILE", PassThrough, "the assembler writes a log"),
    v("CCC_ADD_ARGS", PassThrough, "options that clang adds"),
    v("CCC_OVERRIDE_OPTIONS", PassThrough, "options that clang changes"),
    v("CC_LOG_DIAGNOSTICS", PassThrough, "clang writes diagnostics to a file"),
    v("CC_LOG_DIAGNOSTICS_FILE", PassThrough, "clang writes diagnostics to a file"),
    v("CC_PRINT_HEADERS", PassThrough, "clang writes headers to a file"),
    v("CC_PRINT_HEADERS_FILE", PassThrough, "clang writes headers to a file"),
    v("CC_PRINT_HEADERS_FILTERING", PassThrough, "clang writes headers to a file"),
    v("CC_PRINT_HEADERS_FORMAT", PassThrough, "clang writes headers to a file"),
    v("CC_PRINT_INTERNAL_STAT", PassThrough, "clang writes statistics to a file"),
    v("CC_PRINT_INTERNAL_STAT_FILE", PassThrough, "clang writes statistics to a file"),
    v("CC_PRINT_OPTIONS", PassThrough, "clang writes options to a file"),
    v("CC_PRINT_OPTIONS_FILE", PassThrough, "clang writes options to a file"),
    v("CC_PRINT_PROC_STAT", PassThrough, "clang writes times to a file"),
    v("CC_PRINT_PROC_STAT_FILE", PassThrough, "clang writes times to a file"),
    v("CLANG_CRASH_DIAGNOSTICS_DIR", Ignored, "where clang keeps what is left of a crash"),
    v("CLANG_FORCE_COLOR_DIAGNOSTICS", Key, "colour"),
    v("CLANG_MODULE_CACHE_PATH", Key, "where clang keeps modules"),
    v("CLANG_NO_DEFAULT_CONFIG", KeyAndSearch, "clang reads no configuration"),
    v("CLANG_SPAWN_CC1", Ignored, "clang in one process or two"),
    v("CLICOLOR_FORCE", Key, "colour"),
    v("COLORTERM", Ignored, "whether the terminal has links; the cache decides on colour itself"),
    v("COLUMNS", Key, "width of diagnostics"),
    v("COMPILER_PATH", KeyAndSearch, "where the compiler's programs are looked for"),
    v("CPATH", KeyAndSearch, "header directories"),
    v("CPLUS_INCLUDE_PATH", KeyAndSearch, "header directories of C++"),
    v("C_INCLUDE_PATH", KeyAndSearch, "header directories of C"),
    v("DEPENDENCIES_OUTPUT", PassThrough, "a dependency file that no option names"),
    v("DRIVERKIT_DEPLOYMENT_TARGET", KeyAndSearch, "the target"),
    v("FORCE_CLANG_DIAGNOSTICS_CRASH", PassThrough, "clang makes a crash report"),
    v("GCC_COLORS", Key, "colours of gcc"),
    v("GCC_COMPARE_DEBUG", PassThrough, "gcc compiles twice"),
    v("GCC_DIAGNOSTICS_LOG", PassThrough, "gcc writes diagnostics to a file"),
    v("GCC_EXEC_PREFIX", KeyAndSearch, "where gcc is installed"),
    v("GCC_EXTRA_DIAGNOSTIC_OUTPUT", Key, "fixes in diagnostics"),
    v("GCC_ROOT", KeyAndSearch, "where gcc is installed"),
    v("GCC_URLS", Key, "links in diagnostics"),
    v("IPHONEOS_DEPLOYMENT_TARGET", KeyAndSearch, "the target"),
    v("LANG", Key, "language and character set of diagnostics"),
    v("LANGUAGE", Key, "language of diagnostics"),
    v("LC_ALL", Key, "language and character set of diagnostics"),
    v("LC_CTYPE", Key, "character set of source and diagnostics"),
    v("LC_MESSAGES", Key, "language of diagnostics"),
    v("LD_LIBRARY_PATH", Key, "libraries of the compiler itself"),
    v("LD_PRELOAD", Key, "libraries of the compiler itself"),
    v("LIBRARY_PATH", Ignored, "libraries; not used by a compile"),
    v("MACOSX_DEPLOYMENT_TARGET", KeyAndSearch, "the target"),
    v("NO_COLOR", Key, "no colour"),
    v("OBJCPLUS_INCLUDE_PATH", KeyAndSearch, "header directories of Objective-C++"),
    v("OBJC_INCLUDE_PATH", KeyAndSearch, "header directories of Objective-C"),
    v("QA_OVERRIDE_GCC3_OPTIONS", PassThrough, "options that clang changes"),
    v("RC_DEBUG_OPTIONS", PassThrough, "clang records the command line"),
    v("RC_DEBUG_PREFIX_MAP", Key, "rewrites paths in debug information"),
    v("SCE_ORBIS_SDK_DIR", KeyAndSearch, "root of headers"),
    v("SCE_PROSPERO_SDK_DIR", KeyAndSearch, "root of headers"),
    v("SDKROOT", KeyAndSearch, "root of headers"),
    v("SOURCE_DATE_EPOCH", Key, "what __DATE__ and __TIME__ are"),
    v("SUNPRO_DEPENDENCIES", PassThrough, "a dependency file that no option names"),
    v("TEMP", Ignored, "temporary files"),
    v("TERM", Ignored, "whether the terminal has colours; the cache decides on colour itself"),
    v("TERM_URLS", Key, "links in diagnostics"),
    v("TMP", Ignored, "temporary files"),
    v("TMPDIR", Ignored, "temporary files"),
    v("TVOS_DEPLOYMENT_TARGET", KeyAndSearch, "the target"),
    v("WATCHOS_DEPLOYMENT_TARGET", KeyAndSearch, "the target"),
    v("XROS_DEPLOYMENT_TARGET", KeyAndSearch, "the target"),
    v("ZERO_AR_DATE", Key, "times in products"),
];

/// What the variable `name` does when it is set.
pub fn classify(name: &[u8]) -> EnvEffect {
    // Few of a shell's hundred variables get past the first letter.
    if !name
        .first()
        .is_some_and(|b| b"ACDFGILMNOQRSTWXZ".contains(b))
    {
        return Ignored;
    }
    match VARIABLES.binary_search_by(|row| row.name.as_bytes().cmp(name)) {
        Ok(at) => VARIABLES.get(at).map_or(Ignored, |row| row.effect),
        Err(_) => Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_reachable() {
        assert!(VARIABLES.windows(2).all(|w| w[0].name < w[1].name));
        for row in VARIABLES {
            assert_eq!(classify(row.name.as_bytes()), row.effect, "{}", row.name);
        }
    }

    #[test]
    fn others_do_not_count() {
        for name in [
            "",
            "PATH",
            "HOME",
            "CFLAGS",
            "LC_COLLATE",
            "MAKEFLAGS",
            "cpath",
        ] {
            assert_eq!(classify(name.as_bytes()), Ignored, "{name}");
        }
    }
}
