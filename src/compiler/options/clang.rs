//! Options of clang only, and options that clang takes differently.

use super::Action::*;
use super::Value::{Joined, JoinedOrSeparate, None, OptionalJoined, Separate};
use super::{Marks, Row, row};
use crate::compiler::Reason;

const DIRECTORY: Marks = Marks::DIRECTORY;
const LAYOUT: Marks = Marks::LAYOUT;
const COVERAGE: Marks = DIRECTORY.and(LAYOUT);
const REQUIRED: super::Action = Input { optional: false };

const fn pass(spelling: &'static str, value: super::Value, doc: &'static str) -> Row {
    row(
        spelling,
        value,
        Pass(Reason::UnsupportedCompilerOption),
        doc,
    )
}

const fn info(spelling: &'static str, value: super::Value) -> Row {
    row(
        spelling,
        value,
        Pass(Reason::NoInputFile),
        "prints and compiles nothing",
    )
}

const fn unused(spelling: &'static str, value: super::Value) -> Row {
    row(
        spelling,
        value,
        Key,
        "not used by a compile, and clang says so",
    )
}

/// Sorted by spelling.
pub static ROWS: &[Row] = &[
    row("--", None, EndOfOptions, "what follows are files"),
    pass("--analyze", None, "runs the static analyzer"),
    row("--assemble", None, Assemble, "as -S"),
    pass("--config", OptionalJoined, "options in a file"),
    row(
        "--driver-mode=",
        Joined,
        Pass(Reason::UnsupportedCompilerOption),
        "another command line altogether",
    ),
    pass("--embed-dir=", Joined, "directories of #embed"),
    row(
        "--end-no-unused-arguments",
        None,
        Key,
        "says again what is not used",
    ),
    row(
        "--gcc-install-dir=",
        Joined,
        KeyAndSearch,
        "the gcc whose headers are used",
    ),
    row(
        "--gcc-toolchain=",
        Joined,
        KeyAndSearch,
        "the gcc whose headers are used",
    ),
    row(
        "--gcc-triple=",
        Joined,
        KeyAndSearch,
        "the gcc whose headers are used",
    ),
    info("--help-hidden", None),
    row(
        "--no-default-config",
        None,
        KeyAndSearch,
        "no options from the default files",
    ),
    row(
        "--no-system-header-prefix=",
        Joined,
        Search,
        "headers that are not the system's",
    ),
    pass("--precompile", None, "writes a module"),
    pass("--rsp-quoting=", Joined, "how response files are read"),
    row("--rtlib=", Joined, KeyAndSearch, "the runtime library"),
    row(
        "--serialize-diagnostics",
        Separate,
        WriteFile("diagnostics"),
        "a file of diagnostics",
    ),
    row(
        "--start-no-unused-arguments",
        None,
        Key,
        "does not say what is not used",
    ),
    row("--stdlib=", Joined, KeyAndSearch, "the C++ library"),
    row(
        "--system-header-prefix=",
        Joined,
        Search,
        "headers that are the system's",
    ),
    row("--target=", Joined, KeyAndSearch, "the target"),
    row("--unwindlib=", Joined, KeyAndSearch, "the unwind library"),
    row("-G", JoinedOrSeparate, Key, "small data"),
    pass("-MJ", JoinedOrSeparate, "a file of the compile command"),
    pass("-MV", None, "dependency file in the form of NMake"),
    row(
        "-ObjC",
        None,
        Pass(Reason::UnsupportedSourceLanguage),
        "takes every source for Objective-C",
    ),
    row(
        "-ObjC++",
        None,
        Pass(Reason::UnsupportedSourceLanguage),
        "takes every source for Objective-C++",
    ),
    row(
        "-Qunused-arguments",
        None,
        Key,
        "does not say what is not used",
    ),
    row("-R", OptionalJoined, Key, "remarks on stderr").with(LAYOUT),
    pass("-Xanalyzer", Separate, "an option for the static analyzer"),
    pass("-Xarch_", Joined, "an option for one of several products"),
    row(
        "-Xclang",
        Separate,
        ForwardFrontend,
        "an option for the compiler proper; known ones without files are taken, precompiled headers count by content",
    ),
    row(
        "-Xclang=",
        Joined,
        ForwardFrontend,
        "an option for the compiler proper",
    ),
    pass("-Xcuda-", Joined, "CUDA"),
    pass("-Xopenmp-target", OptionalJoined, "offloading"),
    row(
        "-arch",
        Separate,
        Architecture,
        "the architecture; several make several products",
    ),
    row(
        "-b",
        JoinedOrSeparate,
        Key,
        "not used by a compile, and clang says so",
    ),
    pass("-ccc-", Joined, "the driver's own tests"),
    row(
        "-cxx-isystem",
        JoinedOrSeparate,
        Search,
        "C++ header directory",
    ),
    row("-dD", None, Key, "macros in preprocessed output"),
    row("-dI", None, Key, "includes in preprocessed output"),
    row("-dM", None, Key, "only macros in preprocessed output"),
    row("-dp", None, Key, "not used, and clang says so"),
    pass("-emit-", Joined, "writes something else than an object"),
    row(
        "-emit-llvm",
        None,
        EmitLlvm,
        "LLVM code instead of machine code",
    )
    .with(Marks::OPAQUE),
    pass("-extract-api", None, "writes the interface"),
    row(
        "-fansi-escape-codes",
        None,
        Color { explicit: true },
        "colour",
    ),
    pass("-fapinotes", OptionalJoined, "notes beside headers"),
    row("-fauto-profile=", Joined, REQUIRED, "profile data"),
    row(
        "-fbasic-block-sections=",
        Joined,
        Unknown,
        "sections, from a list in a file if the value says so",
    ),
    pass("-fbuild-session-file=", Joined, "a file whose time counts"),
    row(
        "-fcoverage-compilation-dir=",
        Joined,
        Key,
        "a name for the working directory",
    ),
    row(
        "-fcoverage-mapping",
        None,
        Key,
        "regions of the source in the object",
    )
    .with(COVERAGE),
    row(
        "-fcoverage-prefix-map=",
        Joined,
        PrefixMap,
        "rewrites paths in coverage",
    ),
    row(
        "-fcrash-diagnostics",
        OptionalJoined,
        Key,
        "what is kept after a crash",
    ),
    row("-fcrash-diagnostics-dir=", Joined, Key, "where it is kept"),
    row(
        "-fcs-profile-generate",
        OptionalJoined,
        Key,
        "counters in the object",
    )
    .with(COVERAGE),
    row(
        "-fdebug-compilation-dir",
        Separate,
        Key,
        "a name for the working directory",
    ),
    row(
        "-fdebug-compilation-dir=",
        Joined,
        Key,
        "a name for the working directory",
    ),
    row(
        "-fdiagnostics-print-source-range-info",
        None,
        Key,
        "ranges in diagnostics",
    )
    .with(LAYOUT),
    pass("-fdriver-only", None, "compiles nothing"),
    row(
        "-fembed-bitcode",
        OptionalJoined,
        Key,
        "LLVM code and the command line in the object",
    )
    .with(Marks::COMMAND)
    .with(Marks::OPAQUE),
    pass("-fembed-offload-object=", Joined, "a file in the object"),
    row(
        "-fexperimental-sanitize-metadata-ignorelist=",
        Joined,
        REQUIRED,
        "a list for sanitizers",
    ),
    row(
        "-ffile-compilation-dir=",
        Joined,
        Key,
        "a name for the working directory",
    ),
    pass(
        "-fimplicit-module",
        Joined,
        "modules: files that are read and written on the way",
    ),
    row(
        "-fintegrated-as",
        None,
        IntegratedAssembler(true),
        "clang makes the object",
    ),
    row(
        "-fmemory-profile",
        OptionalJoined,
        Key,
        "counters in the object",
    )
    .with(COVERAGE),
    row("-fmemory-profile-use=", Joined, REQUIRED, "profile data"),
    row(
        "-fno-integrated-as",
        None,
        IntegratedAssembler(false),
        "the assembler makes the object, and counts",
    ),
    pass(
        "-foptimization-record-",
        Joined,
        "a file of optimization remarks",
    ),
    row(
        "-fpass-plugin=",
        Joined,
        Plugin,
        "a plugin of the optimizer",
    ),
    pass(
        "-fprebuilt-",
        Joined,
        "modules: files that are read on the way",
    ),
    row(
        "-fproc-stat-report",
        OptionalJoined,
        Pass(Reason::UnsupportedCompilerOption),
        "prints or writes times",
    ),
    row(
        "-fprofile-instr-generate",
        OptionalJoined,
        Key,
        "counters in the object",
    )
    .with(COVERAGE),
    row(
        "-fprofile-instr-use",
        None,
        ProfileData,
        "profile data, default.profdata",
    ),
    row("-fprofile-instr-use=", Joined, ProfileData, "profile data"),
    row("-fprofile-list=", Joined, REQUIRED, "what is counted"),
    row(
        "-fprofile-remapping-file",
        Separate,
        REQUIRED,
        "names in profile data",
    ),
    row(
        "-fprofile-remapping-file=",
        Joined,
        REQUIRED,
        "names in profile data",
    ),
    row("-fprofile-sample-use=", Joined, REQUIRED, "profile data"),
    row(
        "-fprofile-use",
        None,
        ProfileData,
        "profile data, default.profdata",
    ),
    row("-fprofile-use=", Joined, ProfileData, "profile data"),
    row(
        "-frandomize-layout-seed-file=",
        Joined,
        REQUIRED,
        "the seed of the layout",
    ),
    row(
        "-frecord-command-line",
        None,
        Key,
        "the command line in the object",
    )
    .with(Marks::COMMAND),
    row(
        "-frecord-gcc-switches",
        None,
        Key,
        "the command line in the object",
    )
    .with(Marks::COMMAND),
    row(
        "-fsanitize-blacklist=",
        Joined,
        REQUIRED,
        "what is not checked",
    ),
    row(
        "-fsanitize-coverage-allowlist=",
        Joined,
        REQUIRED,
        "what is covered",
    ),
    row(
        "-fsanitize-coverage-blacklist=",
        Joined,
        REQUIRED,
        "what is not covered",
    ),
    row(
        "-fsanitize-coverage-ignorelist=",
        Joined,
        REQUIRED,
        "what is not covered",
    ),
    row(
        "-fsanitize-coverage-whitelist=",
        Joined,
        REQUIRED,
        "what is covered",
    ),
    row(
        "-fsanitize-ignorelist=",
        Joined,
        REQUIRED,
        "what is not checked",
    ),
    row(
        "-fsanitize-system-blacklist=",
        Joined,
        REQUIRED,
        "what is not checked",
    ),
    row(
        "-fsanitize-system-ignorelist=",
        Joined,
        REQUIRED,
        "what is not checked",
    ),
    pass("-fsycl", OptionalJoined, "offloading"),
    pass("-fthin-link-bitcode=", Joined, "a second product"),
    pass(
        "-fthinlto-index=",
        Joined,
        "a stage of link-time optimization",
    ),
    pass("-ftime-trace", OptionalJoined, "a file of times"),
    row(
        "-fxray-always-instrument=",
        Joined,
        REQUIRED,
        "what is instrumented",
    ),
    row(
        "-fxray-attr-list=",
        Joined,
        REQUIRED,
        "what is instrumented",
    ),
    row(
        "-fxray-never-instrument=",
        Joined,
        REQUIRED,
        "what is not instrumented",
    ),
    row(
        "-gcodeview",
        None,
        Debug(true),
        "debug information for Windows",
    )
    .with(Marks::OUTPUT),
    row(
        "-gcodeview-command-line",
        None,
        Key,
        "the command line in debug information",
    )
    .with(Marks::COMMAND),
    row("-gcodeview-ghash", None, Key, "hashes in debug information"),
    pass(
        "-gen-cdb-fragment-path",
        Separate,
        "a file of the compile command",
    ),
    pass("-gen-reproducer", OptionalJoined, "writes a crash report"),
    row(
        "-gline-directives-only",
        None,
        Debug(true),
        "line directives",
    ),
    row("-gpulibc", None, Key, "not used by a compile"),
    row(
        "-grecord-command-line",
        None,
        Key,
        "the command line in debug information",
    )
    .with(Marks::COMMAND),
    row(
        "-grecord-gcc-switches",
        None,
        Key,
        "the command line in debug information",
    )
    .with(Marks::COMMAND),
    row(
        "-gsimple-template-names",
        OptionalJoined,
        Key,
        "short names in debug information",
    ),
    row(
        "-gsplit-dwarf=",
        Joined,
        SplitDwarf(true),
        "debug information in a file of its own",
    ),
    row(
        "-gsplit-dwarf=single",
        None,
        Debug(true),
        "debug information in the object, apart",
    ),
    pass(
        "-iapinotes-modules",
        JoinedOrSeparate,
        "notes beside headers",
    ),
    row("-ibuiltininc", None, Search, "the compiler's own headers"),
    row(
        "-iframework",
        JoinedOrSeparate,
        Search,
        "system framework directory",
    ),
    row(
        "-iframeworkwithsysroot",
        JoinedOrSeparate,
        Search,
        "system framework directory",
    ),
    row("-include-pch", Separate, REQUIRED, "a precompiled header"),
    pass("-index-", Joined, "writes an index"),
    row(
        "-integrated-as",
        None,
        IntegratedAssembler(true),
        "as -fintegrated-as",
    ),
    row(
        "-isystem-after",
        JoinedOrSeparate,
        Search,
        "system header directory, after the others",
    ),
    pass(
        "-ivfsoverlay",
        JoinedOrSeparate,
        "files that stand for others",
    ),
    row(
        "-iwithsysroot",
        JoinedOrSeparate,
        Search,
        "header directory below the root",
    ),
    row("-meabi", Separate, Key, "the ABI"),
    row("-mllvm", Separate, Unknown, "an option for LLVM"),
    row("-mllvm=", Joined, Unknown, "an option for LLVM"),
    pass("-mmlir", Separate, "an option for MLIR"),
    pass(
        "-module-",
        Joined,
        "modules: files that are written on the way",
    ),
    row("-mthread-model", Separate, Key, "threads"),
    row(
        "-no-integrated-as",
        None,
        IntegratedAssembler(false),
        "as -fno-integrated-as",
    ),
    row(
        "-nobuiltininc",
        None,
        Search,
        "not the compiler's own headers",
    ),
    row("-nogpuinc", None, Key, "CUDA"),
    row("-nogpulib", None, Key, "CUDA"),
    row("-nohipwrapperinc", None, Key, "HIP"),
    row("-nostdlibinc", None, Search, "no system header directories"),
    pass("-objcmt-", Joined, "writes other source"),
    pass(
        "-object-file-name",
        OptionalJoined,
        "another name of the product in the product",
    ),
    pass("-relocatable-pch", None, "precompiled headers"),
    row(
        "-resource-dir",
        Separate,
        KeyAndSearch,
        "the compiler's own headers",
    ),
    row(
        "-resource-dir=",
        Joined,
        KeyAndSearch,
        "the compiler's own headers",
    ),
    pass("-rewrite-", Joined, "writes other source"),
    row("-rpath", Separate, Key, "not used by a compile"),
    row("-rtlib=", Joined, KeyAndSearch, "the runtime library"),
    pass("-save-stats", OptionalJoined, "a file of statistics"),
    row(
        "-serialize-diagnostics",
        Separate,
        WriteFile("diagnostics"),
        "a file of diagnostics",
    ),
    row(
        "-stdlib++-isystem",
        JoinedOrSeparate,
        Search,
        "C++ library header directory",
    ),
    row("-stdlib=", Joined, KeyAndSearch, "the C++ library"),
    row("-target", Separate, KeyAndSearch, "the target"),
    row("-unwindlib=", Joined, KeyAndSearch, "the unwind library"),
    pass("-verify-pch", None, "checks a precompiled header"),
    pass(
        "-vfsoverlay",
        JoinedOrSeparate,
        "files that stand for others",
    ),
    pass("-via-file-asm", None, "temporary assembly"),
    pass(
        "-working-directory",
        OptionalJoined,
        "another working directory",
    ),
    unused("-y", None),
];
