//! What the user allows a hit to overlook.

use std::fmt;

/// A set of allowances; each is a constant of this type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sloppiness(u32);

/// One allowance: a row of the table.
pub struct Allowance {
    /// As it is written in the configuration.
    pub name: &'static str,
    /// The set with just this one.
    pub bit: Sloppiness,
    /// What it allows.
    pub doc: &'static str,
}

macro_rules! allowances {
    ($($bit:literal $constant:ident $name:literal $doc:literal;)*) => {
        impl Sloppiness {
            $(#[doc = $doc] pub const $constant: Sloppiness = Sloppiness(1 << $bit);)*
        }
        /// All allowances, sorted by name.
        pub const ALLOWANCES: &[Allowance] = &[
            $(Allowance { name: $name, bit: Sloppiness::$constant, doc: $doc },)*
        ];
    };
}

allowances! {
    0 CLANG_INDEX_STORE "clang_index_store"
        "Accepted for the sake of existing settings, without effect: compiles with `-index-store-path` are not cached.";
    1 FILE_STAT_MATCHES "file_stat_matches"
        "Accepted for the sake of existing settings, without effect: stamps are compared anyway, and a file whose stamp moved is read.";
    2 FILE_STAT_MATCHES_CTIME "file_stat_matches_ctime"
        "Accepted for the sake of existing settings, without effect, as `file_stat_matches`.";
    3 GCNO_CWD "gcno_cwd"
        "Accepted for the sake of existing settings, without effect: with `--coverage` the working directory counts.";
    4 INCBIN "incbin"
        "Cache sources with `.incbin` or `.include` in assembler; a changed file that one of them names goes unnoticed.";
    5 INCLUDE_FILE_CTIME "include_file_ctime"
        "Accepted for the sake of existing settings, without effect: an input that changed during the compile is never stored.";
    6 INCLUDE_FILE_MTIME "include_file_mtime"
        "Accepted for the sake of existing settings, without effect: an input that changed during the compile is never stored.";
    7 IVFSOVERLAY "ivfsoverlay"
        "Accepted for the sake of existing settings, without effect: compiles with `-ivfsoverlay` are not cached.";
    8 LOCALE "locale"
        "Leave `LANG`, `LC_ALL`, `LC_CTYPE` and `LC_MESSAGES` out of the key: a hit may show messages in another language.";
    9 MODULES "modules"
        "Accepted for the sake of existing settings, without effect: compiles with `-fmodules` are not cached.";
    10 PCH_DEFINES "pch_defines"
        "Accepted for the sake of existing settings, without effect: the use of precompiled headers is not cached.";
    11 RANDOM_SEED "random_seed"
        "Leave the argument of `-frandom-seed` out of the key.";
    12 SYSTEM_HEADERS "system_headers"
        "Accepted for the sake of existing settings, without effect: looking at a system header costs one `stat`.";
    13 TIME_MACROS "time_macros"
        "Cache sources that use `__DATE__`, `__TIME__` or `__TIMESTAMP__`; a hit brings back the old time.";
}

impl Sloppiness {
    /// Nothing is overlooked.
    pub const NONE: Sloppiness = Sloppiness(0);

    /// The set with the allowance called `name`.
    pub fn by_name(name: &str) -> Option<Sloppiness> {
        ALLOWANCES
            .iter()
            .find(|allowance| allowance.name == name)
            .map(|allowance| allowance.bit)
    }

    /// Whether all of `other` is in this set.
    pub fn contains(self, other: Sloppiness) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    pub fn with(self, other: Sloppiness) -> Sloppiness {
        Sloppiness(self.0 | other.0)
    }

    /// The names in the set, sorted.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ALLOWANCES
            .iter()
            .filter(move |allowance| self.contains(allowance.bit))
            .map(|allowance| allowance.name)
    }
}

impl fmt::Display for Sloppiness {
    /// The names, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_bits_are_distinct() {
        assert!(
            ALLOWANCES
                .windows(2)
                .all(|pair| pair[0].name < pair[1].name)
        );
        let all = ALLOWANCES
            .iter()
            .fold(Sloppiness::NONE, |set, row| set.with(row.bit));
        assert_eq!(all.0.count_ones() as usize, ALLOWANCES.len());
        assert_eq!(all.names().count(), ALLOWANCES.len());
    }
}
