//! The table of counters. Names follow ccache's where the meaning is the same.

/// What a counter is about, and with it the section of the report it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// A call that was answered from the cache.
    Hit,
    /// A call that was compiled, and could be cached.
    Miss,
    /// A call that is not for the cache; handed to the compiler.
    Uncacheable,
    /// A call for which something went wrong; the compiler ran all the same.
    Error,
    /// A call that the user wanted to go past the cache.
    Bypassed,
    /// Further detail about a call; not a call of its own.
    Detail,
}

impl Group {
    /// Whether each event with such a counter in the main place is one call.
    pub fn is_call(self) -> bool {
        self != Group::Detail
    }
}

macro_rules! counters {
    ($($id:literal $variant:ident $name:literal $group:ident $label:literal $doc:literal;)*) => {
        /// A counter: one row of the table. Its number is what journals hold,
        /// and never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Counter {
            $(#[doc = $doc] $variant = $id,)*
        }

        impl Counter {
            /// All counters, in the order of reports.
            pub const ALL: &[Counter] = &[$(Counter::$variant,)*];

            /// The stable number.
            pub fn id(self) -> u16 {
                self as u16
            }

            /// The counter with this number; `None`: a later version's.
            pub fn from_id(id: u16) -> Option<Counter> {
                match id {
                    $($id => Some(Counter::$variant),)*
                    _ => None,
                }
            }

            /// The stable name, as in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Counter::$variant => $name,)* }
            }

            /// What people read.
            pub fn label(self) -> &'static str {
                match self { $(Counter::$variant => $label,)* }
            }

            /// The group.
            pub fn group(self) -> Group {
                match self { $(Counter::$variant => Group::$group,)* }
            }

            /// What it counts, in Markdown.
            pub fn doc(self) -> &'static str {
                match self { $(Counter::$variant => $doc,)* }
            }
        }
    };
}

counters! {
    1 DirectCacheHit "direct_cache_hit" Hit "Direct"
        "Answered from the cache without running the preprocessor.";
    2 PreprocessedCacheHit "preprocessed_cache_hit" Hit "Preprocessed"
        "Answered from the cache after running the preprocessor.";

    10 CacheMiss "cache_miss" Miss "Misses"
        "Compiled, since the cache had no result, and stored unless another counter says why not.";

    20 CalledForLink "called_for_link" Uncacheable "Called for linking"
        "No `-c` or `-S`: the compiler was to link.";
    21 CalledForPreprocessing "called_for_preprocessing" Uncacheable "Called for preprocessing"
        "`-E`, `-M` or `-MM`.";
    22 MultipleSourceFiles "multiple_source_files" Uncacheable "Multiple source files"
        "More than one source in one call.";
    23 NoInputFile "no_input_file" Uncacheable "No input file"
        "No source: `--version`, `-print-search-dirs` and the like.";
    24 OutputToStdout "output_to_stdout" Uncacheable "Output to standard output"
        "The product was to go to standard output.";
    25 SourceFromStdin "source_from_stdin" Uncacheable "Source from standard input"
        "The source came from standard input.";
    26 UnsupportedSourceLanguage "unsupported_source_language" Uncacheable "Unsupported source language"
        "A language that is not cached.";
    27 UnsupportedCompilerOption "unsupported_compiler_option" Uncacheable "Unsupported compiler option"
        "An option whose compiles are not cached; `cache stats` names the most frequent.";
    28 BadCompilerArguments "bad_compiler_arguments" Uncacheable "Bad compiler arguments"
        "Arguments that make no sense; the compiler says so.";
    29 UnsupportedEnvironmentVariable "unsupported_environment_variable" Uncacheable "Unsupported environment variable"
        "A variable that makes the compiler do what is not cached.";
    30 UnsupportedCompiler "unsupported_compiler" Uncacheable "Unsupported compiler"
        "A program that is no compiler known here.";
    31 CouldNotUsePrecompiledHeader "could_not_use_precompiled_header" Uncacheable "Could not use precompiled header"
        "A precompiled header whose use is not cached.";
    32 CouldNotUseModules "could_not_use_modules" Uncacheable "Could not use modules"
        "Modules, whose use is not cached.";
    33 UncacheableTimeMacro "uncacheable_time_macro" Uncacheable "Uses the time of day"
        "The source or a header uses `__TIME__` or the like, so that the result is not stored.";
    34 ModifiedInputFile "modified_input_file" Uncacheable "Input modified during the compile"
        "An input changed while the compiler ran, or just before; the result is not stored.";
    35 WroteUndeclaredFile "wrote_undeclared_file" Uncacheable "Wrote an undeclared file"
        "With an unknown option, the compiler wrote a file nobody knew of; the result is not stored.";
    36 CompileFailed "compile_failed" Uncacheable "Compilation failed"
        "The compiler reported errors; failures are not stored.";
    37 CompilerProducedNoOutput "compiler_produced_no_output" Uncacheable "Compiler produced no output"
        "The compiler succeeded without writing its product.";

    38 UnsupportedCodeDirective "unsupported_code_directive" Uncacheable "Unsupported code directive"
        "The source reads files in a way that is not followed (`.incbin`, `#embed`); the result is not stored.";

    60 BadInputFile "bad_input_file" Error "Could not read an input file"
        "An input is missing or unreadable; the compiler says so.";
    61 BadOutputFile "bad_output_file" Error "Could not write to the output file"
        "The place of the product cannot be written to.";
    62 PreprocessorError "preprocessor_error" Error "Preprocessing failed"
        "The preprocessor reported errors.";
    63 CompilerCheckFailed "compiler_check_failed" Error "Compiler check failed"
        "What tells compilers apart (`compiler_check`) could not be found out.";
    64 CouldNotFindCompiler "could_not_find_compiler" Error "Could not find the compiler"
        "There is no such compiler on the search path.";
    65 ErrorHashingExtraFile "error_hashing_extra_file" Error "Error hashing extra file"
        "A file of `extra_files_to_hash` could not be read.";
    66 InternalError "internal_error" Error "Internal error"
        "Something unforeseen in `cache`; the compiler ran.";

    80 Disabled "disabled" Bypassed "Disabled"
        "`disable` was set.";
    81 Recache "recache" Bypassed "Forced recache"
        "`recache` was set: compiled and stored anew.";

    100 DirectCacheMiss "direct_cache_miss" Detail "Direct lookups that missed"
        "Lookups in direct mode that found nothing.";
    101 PreprocessedCacheMiss "preprocessed_cache_miss" Detail "Preprocessed lookups that missed"
        "Lookups in preprocessor mode that found nothing.";
    102 ReadOnlyMiss "read_only_miss" Detail "Not stored: read-only"
        "Results not stored because of `read_only`.";
    103 LocalStorageWrite "local_storage_write" Detail "Entries written"
        "Results written to the cache.";
    104 StoreError "store_error" Detail "Store errors"
        "Reads or writes of the cache that failed: no space, no rights.";
    105 DamagedEntry "damaged_entry" Detail "Damaged entries removed"
        "Entries that did not match their checksums; removed, and made anew.";
    106 CleanupsPerformed "cleanups_performed" Detail "Cleanups"
        "Times that entries were removed to stay within the limits.";
    107 RemoteStorageHit "remote_storage_hit" Detail "Found in a remote store"
        "Results that a remote store had.";
    108 RemoteStorageMiss "remote_storage_miss" Detail "Not found in remote stores"
        "Look-ups in remote stores that found nothing that stands.";
    109 RemoteStorageError "remote_storage_error" Detail "Remote stores out of reach"
        "Look-ups that a remote store, or the agent, could not answer.";
    110 RemoteStorageWrite "remote_storage_write" Detail "Handed over for upload"
        "Results that were handed to the agent for remote stores.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_are_unique_and_numbers_lead_back() {
        let names: HashSet<_> = Counter::ALL.iter().map(|c| c.name()).collect();
        let labels: HashSet<_> = Counter::ALL.iter().map(|c| c.label()).collect();
        assert_eq!(names.len(), Counter::ALL.len());
        assert_eq!(labels.len(), Counter::ALL.len());
        assert!(Counter::ALL.is_sorted());
        for counter in Counter::ALL {
            assert_eq!(Counter::from_id(counter.id()), Some(*counter));
            assert!(counter.doc().ends_with('.'));
        }
        assert_eq!(Counter::from_id(0), None);
    }
}
