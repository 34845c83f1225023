//! The catalogue of cases: what a compiler cache must get right, line by line.
//! Cases are named after their line (`o9_...`).

/// A line of the catalogue.
pub struct Line {
    /// `C1` to `S10`.
    pub id: &'static str,
    pub text: &'static str,
    /// What a hit, or its absence, depends on; empty: nothing else.
    pub note: &'static str,
}

const fn line(id: &'static str, text: &'static str, note: &'static str) -> Line {
    Line { id, text, note }
}

/// The groups, by the first letter of their lines.
#[rustfmt::skip]
pub const GROUPS: &[(&str, &[Line])] = &[
    ("The call", &[
        line("C1", "same compile twice: miss, then direct hit; everything identical, file mode (umask) too", ""),
        line("C2", "object deleted, or another `-o`: hit", ""),
        line("C3", "link, `-E`, `-M`, `-MM`, several sources, `-o -`, no input, `-` as input, `--version`, `-###`: transparent pass-through, the right counter, same exit code", ""),
        line("C4", "output directory missing, output is a directory, output unwritable: the compiler's own error and exit code", "an output that is a link, a device, a directory or not writable is the compiler's own business"),
        line("C5", "`-o /dev/null`, `-c /dev/null`, `-fsyntax-only`, `-S`: work; no temporary left behind", ""),
        line("C6", "compile error: exact stderr and code, nothing stored, no stale object left where the compiler would leave none", ""),
        line("C7", "compiler killed by a signal; compiler that writes no object or an empty one: reported as the compiler would be, not stored", ""),
        line("C8", "warnings: replayed byte for byte on stderr; output on stdout replayed on stdout", ""),
        line("C9", "colour: a terminal and a file share one entry; what is shown is what the compiler would have shown there", "one entry, stored in colour on a terminal; an uncoloured entry does not serve a terminal"),
        line("C10", "masquerade: a link named `gcc` to `cache` finds the next `gcc` on PATH; no endless recursion, `cache cache gcc` included", ""),
        line("C11", "stdin, open descriptors (a make jobserver), environment and working directory reach the compiler unchanged; SIGINT/SIGTERM leave no temporaries and give the right exit status", ""),
        line("C12", "compiler not found: a clear message and 127", ""),
    ]),
    ("Inputs", &[
        line("I1", "source edited: miss; edited back: hit on the older entry", ""),
        line("I2", "header edited / deleted / renamed: right result each time", ""),
        line("I3", "a header appears in an *earlier* existing include directory: miss", ""),
        line("I4", "an earlier include directory appears: miss", ""),
        line("I5", "what `__has_include` asked for appears: miss", ""),
        line("I6", "same content at two paths with different neighbouring headers: two results", ""),
        line("I7", "`__FILE__` and `assert` in same-content sources: right name in each", ""),
        line("I8", "`#embed`, `.incbin`, assembler `.include`: a changed data file is never stale", ""),
        line("I9", "`__TIME__`: never a stale result; `__DATE__`: at most the same day; `__TIMESTAMP__`: follows the file's time; `SOURCE_DATE_EPOCH` counts; the words inside comments or strings do not disable anything", "`__DATE__` holds for the day, `__TIMESTAMP__` while the times of the files stand, `__TIME__` is not stored; with `SOURCE_DATE_EPOCH` all but `__TIMESTAMP__` are free"),
        line("I10", "source or header changed *while* the compiler runs, or newer than the call: compiled, not stored", "stored by the next compile"),
        line("I11", "same size and same mtime, other content (`touch -r`): not stale", ""),
        line("I12", "symlinked header retargeted; symlinked working directory; `PWD` that lies", ""),
        line("I13", "`-include`, `-imacros`, forced PCH: content counts", ""),
        line("I14", "response files: nested, quoted, missing, changed content", ""),
        line("I15", "`-specs=`, plugins, sanitizer ignore lists, `-fprofile-use` data, module files, `-frandomize-layout-seed-file`, any option value that names an existing file: content counts", ""),
        line("I16", "`CPATH`, `C_INCLUDE_PATH`, `CPLUS_INCLUDE_PATH`, `COMPILER_PATH`, `GCC_EXEC_PREFIX`, `LANG`/`LC_*`, `GCC_COLORS`, `SDKROOT`, `SOURCE_DATE_EPOCH`, `DEPENDENCIES_OUTPUT`, `SUNPRO_DEPENDENCIES`, `CCC_OVERRIDE_OPTIONS`, `TMPDIR` (must not): each treated right", ""),
        line("I17", "compiler replaced in place, or its `cc1`/`as` replaced: miss; `compiler_check` = mtime, content, none, command, string", ""),
        line("I18", "`-march=native` on another CPU: miss", "the processor is part of the key of `-march=native` and kin alone"),
        line("I19", "two compilers behind one name; `clang` and `clang++` from one binary; `-x c` and `-x c-header` on the same file: apart", ""),
    ]),
    ("Options", &[
        line("O1", "`-D`, `-U`, `-I` order and spelling (`-I x`, `-Ix`) respected; an unused macro may still hit in preprocessor mode", ""),
        line("O2", "`-g` and another working directory: miss; without `-g`: hit; `-g0` last: hit; `-f{debug,file,macro}-prefix-map`: hit across directories with no foreign path in the object", "with debug information the working directory is part of the key, unless a prefix map takes it out; a product that names it is for that directory alone"),
        line("O3", "`base_dir`: two checkouts share; error messages and dependency files still name real paths", "a product or message that shows the base directory is for that checkout alone"),
        line("O4", "`-MD -MMD -MF -MT -MQ -MP -MG`, `-MFfile`, `-Wp,-MD,file`, `-Wp,-MMD,file`: the dependency file is what the compiler writes - on a hit for another `-o`, another `-MF`, another `-MT`; when deleted, it comes back, with and without `-MF`; `-MF /dev/null`", ""),
        line("O5", "dependency file for `.s`/`.S`/`.i` inputs as the compiler does", ""),
        line("O6", "`-gsplit-dwarf`: `.dwo` restored; another object name: miss; with `-g1`/`-g0`: no failure", ""),
        line("O7", "`--coverage`, `-ftest-coverage`, `-fprofile-arcs`, `-fprofile-abs-path`: `.gcno` restored, other object path: right", ""),
        line("O8", "`-fprofile-generate[=dir]`, `-fprofile-use[=path]` with data changed / missing; clang `-fprofile-instr-*`, `-fprofile-sample-use`", ""),
        line("O9", "`-fstack-usage`, `-fcallgraph-info`, `-fdump-*`, `-save-temps`, `-ftime-trace`, `-fsave-optimization-record`, `-fopt-info-*=file`, `-aux-info f`, `-fdiagnostics-format=*-file`, `--serialize-diagnostics f`, `-Wa,-a=f`, `-Wa,--MD,f`, `-dumpbase`, `-dumpdir`, `-MJ f`, `-fmodule-output`: every file restored, or the call passes through - never lost", ""),
        line("O10", "`-x LANG`, `-x none`, `-xc`, unknown language; `.i .ii .s .S .m .mm .c++ .cc .cpp .cxx .hpp` and no suffix", ""),
        line("O11", "precompiled headers, gcc and clang: creating, using, header changed", "clang: while size and time of its sources stand, unless made with `-fno-pch-timestamp`; gcc: while every `.gch` where it looks is what it was"),
        line("O12", "`-frecord-gcc-switches`, `-grecord-command-line`: other argv, other object", "the whole command line is part of the key"),
        line("O13", "several `-arch`; `--target`; `-m32`; cross compilers (`aarch64-linux-gnu-gcc`)", ""),
        line("O14", "`-Werror`, `-Wunreachable-code` and friends: no new warnings through the cache", ""),
        line("O15", "`-fmodules`, C++20 modules: right or passed through", "modules pass through"),
        line("O16", "`-flto`, `-ffat-lto-objects`, `-fthinlto-index=`", ""),
        line("O17", "`-Xclang X`, `-Xpreprocessor X`, `-Wp,...`, `-Wa,...`, `--`: understood or passed through", ""),
        line("O18", "an option nobody has heard of that writes a file: not stored, file intact; one that names a file: content counts", ""),
    ]),
    ("The store under a build", &[
        line("S1", "entry or manifest truncated, flipped, deleted at any blob: the build succeeds, the entry repairs itself", ""),
        line("S2", "read-only cache directory: hits served, nothing written, build fine; missing, unreadable, or a file where the directory should be: build fine, said once", "hits only; the build goes on"),
        line("S3", "no space left / quota / EIO at any write: build fine, no partial entry", ""),
        line("S4", "N processes compile the same thing at once: all right, counters add up, one entry", ""),
        line("S5", "`kill -9` at any moment: no partial entry visible; garbage is swept", ""),
        line("S6", "`clean` to zero while a build runs: build fine", ""),
        line("S7", "hard-linked or cloned object modified afterwards by the user (`strip`): the damaged entry is not served", ""),
        line("S8", "clock jumps; entries and headers from the future", ""),
        line("S9", "cache directory restored by CI at another path or with new inodes and times: still hits", ""),
        line("S10", "version upgrade: old entries are understood or ignored, never misread", ""),
    ]),
];
