//! Environment variables that compilers look at.
//!
//! Sources: GCC manual, "Environment Variables Affecting GCC" and "...the
//! Preprocessor"; clang's manual page, "ENVIRONMENT"; ld.so(8).

/// What a variable means for a compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EnvEffect {
    /// Its value counts.
    Key,
    /// Its value counts, and it changes where headers are found.
    KeyAndSearch,
    /// Its value counts because messages depend on it (`sloppiness = locale`
    /// leaves it out).
    Locale,
    /// While it is set, compilers do things that are not cached.
    PassThrough,
    /// Compilers do not look at it, or it does not change what they make.
    Ignored,
}

/// One variable: its name, its effect and why.
pub struct Variable {
    pub name: &'static str,
    pub effect: EnvEffect,
    pub why: &'static str,
}

const fn row(name: &'static str, effect: EnvEffect, why: &'static str) -> Variable {
    Variable { name, effect, why }
}

/// The table, sorted by name. Names that are not in it are
/// [`EnvEffect::Ignored`].
pub const VARIABLES: &[Variable] = {
    use EnvEffect::*;
    &[
        row("CCC_ADD_ARGS", PassThrough, "clang: adds arguments"),
        row("CCC_OVERRIDE_OPTIONS", PassThrough, "clang: edits the command line"),
        row("CC_LOG_DIAGNOSTICS", PassThrough, "clang: writes a log"),
        row("CC_PRINT_HEADERS", PassThrough, "clang: writes a list of headers"),
        row("CC_PRINT_INTERNAL_STAT", PassThrough, "clang: writes statistics"),
        row("CC_PRINT_OPTIONS", PassThrough, "clang: writes a log"),
        row("CC_PRINT_PROC_STAT", PassThrough, "clang: writes statistics"),
        row("CLANG_CONFIG_FILE_SYSTEM_DIR", Key, "clang: where configuration files are"),
        row("CLANG_CONFIG_FILE_USER_DIR", Key, "clang: where configuration files are"),
        row("CLANG_NO_DEFAULT_CONFIG", Key, "clang: whether configuration files are read"),
        row("COLUMNS", Ignored, "only the width of a terminal, which a compiler behind us does not see"),
        row("COMPILER_PATH", KeyAndSearch, "gcc, clang: where subprograms are found"),
        row("CPATH", KeyAndSearch, "where headers are found"),
        row("CPLUS_INCLUDE_PATH", KeyAndSearch, "where headers are found"),
        row("C_INCLUDE_PATH", KeyAndSearch, "where headers are found"),
        row("DEPENDENCIES_OUTPUT", PassThrough, "gcc: writes a dependency file"),
        row("FORCE_CLANG_DIAGNOSTICS_CRASH", PassThrough, "clang: crashes"),
        row("GCC_COLORS", Locale, "gcc: the colours of messages"),
        row("GCC_COMPARE_DEBUG", PassThrough, "gcc: compiles twice"),
        row("GCC_EXEC_PREFIX", KeyAndSearch, "gcc: where subprograms and headers are found"),
        row("GCC_EXTRA_DIAGNOSTIC_OUTPUT", Key, "gcc: adds fix-its to messages"),
        row("GCC_ROOT", KeyAndSearch, "gcc: where it is installed"),
        row("GCC_URLS", Locale, "gcc: links in messages"),
        row("INCLUDE", KeyAndSearch, "where headers are found"),
        row("IPHONEOS_DEPLOYMENT_TARGET", KeyAndSearch, "clang: the target"),
        row("LANG", Locale, "the language of messages"),
        row("LANGUAGE", Locale, "the language of messages"),
        row("LC_ALL", Locale, "the language of messages"),
        row("LC_CTYPE", Locale, "the characters in messages"),
        row("LC_MESSAGES", Locale, "the language of messages"),
        row("LD_LIBRARY_PATH", Key, "which libraries the compiler runs with"),
        row("LD_PRELOAD", Key, "which libraries the compiler runs with"),
        row("MACOSX_DEPLOYMENT_TARGET", KeyAndSearch, "clang: the target"),
        row("OBJCPLUS_INCLUDE_PATH", KeyAndSearch, "where headers are found"),
        row("OBJC_INCLUDE_PATH", KeyAndSearch, "where headers are found"),
        row("RC_DEBUG_OPTIONS", Key, "clang: records options"),
        row("SDKROOT", KeyAndSearch, "clang: where headers are found"),
        row("SOURCE_DATE_EPOCH", Key, "what __DATE__ and __TIME__ say"),
        row("SUNPRO_DEPENDENCIES", PassThrough, "gcc: writes a dependency file"),
        row("TERM_URLS", Locale, "gcc: links in messages"),
        row("TVOS_DEPLOYMENT_TARGET", KeyAndSearch, "clang: the target"),
        row("WATCHOS_DEPLOYMENT_TARGET", KeyAndSearch, "clang: the target"),
    ]
};

/// What the variable `name` means.
pub fn classify(name: &[u8]) -> EnvEffect {
    VARIABLES
        .binary_search_by(|row| row.name.as_bytes().cmp(name))
        .ok()
        .and_then(|at| VARIABLES.get(at))
        .map_or(EnvEffect::Ignored, |row| row.effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_unique() {
        assert!(VARIABLES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn every_row_is_found() {
        for row in VARIABLES {
            assert_eq!(classify(row.name.as_bytes()), row.effect);
        }
        assert_eq!(classify(b"TMPDIR"), EnvEffect::Ignored);
        assert_eq!(classify(b""), EnvEffect::Ignored);
    }
}
