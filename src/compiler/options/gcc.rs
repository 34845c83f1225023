//! Options of gcc only, and options that gcc takes differently.

use super::Action::*;
use super::Value::{Joined, JoinedOrSeparate, None, OptionalJoined, Separate};
use super::{Marks, Row, row};
use crate::compiler::Reason;

const LAYOUT: Marks = Marks::LAYOUT;

const fn pass(spelling: &'static str, value: super::Value, doc: &'static str) -> Row {
    row(
        spelling,
        value,
        Pass(Reason::UnsupportedCompilerOption),
        doc,
    )
}

/// Sorted by spelling.
pub static ROWS: &[Row] = &[
    row("--all-warnings", None, Key, "as -Wall").with(LAYOUT),
    row("--assemble", None, Assemble, "as -S"),
    row("--extra-warnings", None, Key, "as -Wextra").with(LAYOUT),
    row(
        "--include-directory-after",
        Separate,
        Search,
        "as -idirafter",
    ),
    row(
        "--include-directory-after=",
        Joined,
        Search,
        "as -idirafter",
    ),
    row(
        "--no-canonical-prefixes",
        None,
        KeyAndSearch,
        "as -no-canonical-prefixes",
    ),
    row("--no-standard-includes", None, Search, "as -nostdinc"),
    row(
        "--no-sysroot-suffix",
        None,
        Search,
        "no suffix to --sysroot",
    ),
    row("--specs=", Joined, Specs, "as -specs="),
    row(
        "--target-help",
        None,
        Pass(Reason::NoInputFile),
        "prints and compiles nothing",
    ),
    row("--traditional", None, Key, "as -traditional"),
    row("-N", None, Key, "not used by a compile"),
    row("-R", JoinedOrSeparate, Key, "not used by a compile"),
    row(
        "-aux-info",
        Separate,
        WriteFile("aux-info"),
        "a file of prototypes",
    ),
    pass("-aux-info=", Joined, "a file of prototypes"),
    row("-dD", None, Key, "only with -E"),
    row("-dI", None, Key, "only with -E"),
    row("-dN", None, Key, "only with -E"),
    row("-dU", None, Key, "only with -E"),
    row("-dp", None, Key, "comments in assembly"),
    pass("-dumpbase", Separate, "names of files beside the product"),
    pass(
        "-dumpbase-ext",
        Separate,
        "names of files beside the product",
    ),
    pass("-dumpdir", Separate, "names of files beside the product"),
    pass("-fada-spec", OptionalJoined, "writes Ada specifications"),
    row(
        "-fanalyzer",
        None,
        Key,
        "warnings from paths through the program",
    )
    .with(LAYOUT),
    pass("-fauto-profile=", Joined, "profile data"),
    pass(
        "-fbranch-probabilities",
        None,
        "profile data by default name",
    ),
    row(
        "-fcallgraph-info",
        None,
        Beside("callgraph"),
        "a file of the call graph",
    ),
    row(
        "-fcallgraph-info=",
        Joined,
        Beside("callgraph"),
        "a file of the call graph",
    ),
    pass("-fcompare-debug", OptionalJoined, "compiles twice"),
    row(
        "-fcompare-debug-second",
        None,
        Pass(Reason::UnsupportedCompilerOption),
        "compiles twice",
    ),
    pass("-fdbg-cnt-list", None, "prints counters"),
    pass("-fdeps-", Joined, "dependencies of modules"),
    pass("-fdiagnostics-add-output=", Joined, "diagnostics in a file"),
    row(
        "-fdiagnostics-format=json",
        None,
        Key,
        "diagnostics as JSON on stderr",
    )
    .with(LAYOUT),
    row(
        "-fdiagnostics-format=json-stderr",
        None,
        Key,
        "diagnostics as JSON on stderr",
    )
    .with(LAYOUT),
    row(
        "-fdiagnostics-format=sarif-stderr",
        None,
        Key,
        "diagnostics as SARIF on stderr",
    )
    .with(LAYOUT),
    row("-fdiagnostics-generate-patch", None, Key, "fixes on stderr").with(LAYOUT),
    pass("-fdiagnostics-set-output=", Joined, "diagnostics in a file"),
    pass("-fdump-", Joined, "dumps of the compiler's insides"),
    row("-fdump-noaddr", None, Key, "no addresses in dumps"),
    row("-fdump-unnumbered", None, Key, "no numbers in dumps"),
    row("-fdump-unnumbered-links", None, Key, "no numbers in dumps"),
    row(
        "-fhelp",
        OptionalJoined,
        Pass(Reason::NoInputFile),
        "prints and compiles nothing",
    ),
    row(
        "-finstrument-functions-exclude-file-list=",
        Joined,
        Key,
        "parts of names, not files",
    ),
    pass(
        "-fltrans",
        OptionalJoined,
        "a stage of link-time optimization",
    ),
    pass("-fmem-report", OptionalJoined, "prints memory use"),
    pass("-fmodules-ts", None, "C++ modules"),
    row(
        "-fopt-info",
        OptionalJoined,
        Remarks,
        "optimization remarks on stderr",
    )
    .with(LAYOUT),
    pass("-fpost-ipa-mem-report", None, "prints memory use"),
    pass("-fpre-ipa-mem-report", None, "prints memory use"),
    row(
        "-fprofile-abs-path",
        None,
        Key,
        "whole paths in coverage notes",
    )
    .with(Marks::DIRECTORY),
    row(
        "-fprofile-info-section",
        OptionalJoined,
        Key,
        "counters in a section",
    ),
    pass("-fprofile-note=", Joined, "names the coverage notes"),
    row(
        "-fprofile-prefix-map=",
        Joined,
        PrefixMap,
        "rewrites paths in coverage notes",
    ),
    row(
        "-fprofile-prefix-path=",
        Joined,
        Key,
        "prefix of counters' names",
    ),
    pass("-fprofile-report", None, "prints statistics"),
    row(
        "-fprofile-reproducible=",
        Joined,
        Key,
        "how counters are collected",
    ),
    pass(
        "-fprofile-use",
        OptionalJoined,
        "profile data, by names made from the product's",
    ),
    row(
        "-frecord-gcc-switches",
        None,
        Key,
        "the command line in the object",
    )
    .with(Marks::COMMAND),
    pass("-frepo", None, "writes template repositories"),
    pass("-freport-bug", None, "writes a bug report"),
    pass("-fresolution=", Joined, "a stage of link-time optimization"),
    pass("-fself-test=", Joined, "tests the compiler"),
    pass("-fstats", None, "prints statistics"),
    row(
        "-ftarget-help",
        None,
        Pass(Reason::NoInputFile),
        "prints and compiles nothing",
    ),
    row(
        "-fversion",
        None,
        Pass(Reason::NoInputFile),
        "prints and compiles nothing",
    ),
    pass("-fwpa", OptionalJoined, "a stage of link-time optimization"),
    row(
        "-gas-loc-support",
        None,
        Key,
        "the assembler makes line tables",
    ),
    row(
        "-gas-locview-support",
        None,
        Key,
        "the assembler makes location views",
    ),
    row("-gbtf", None, Key, "BPF type information")
        .with(Marks::DIRECTORY)
        .with(Marks::OUTPUT)
        .with(LAYOUT),
    row("-gctf", OptionalJoined, Key, "C type information")
        .with(Marks::DIRECTORY)
        .with(Marks::OUTPUT)
        .with(LAYOUT),
    pass("-gen-decls", None, "writes Objective-C interfaces"),
    row(
        "-ggnu-pubnames",
        None,
        Key,
        "index of names, if there is debug information",
    ),
    row(
        "-ginline-points",
        None,
        Key,
        "inlining in debug information, if there is any",
    ),
    row(
        "-gstatement-frontiers",
        None,
        Key,
        "statement boundaries in debug information, if there is any",
    ),
    row("-gtoggle", None, Key, "debug information turned around")
        .with(Marks::DIRECTORY)
        .with(Marks::OUTPUT)
        .with(LAYOUT),
    row(
        "-gvariable-location-views",
        OptionalJoined,
        Key,
        "location views in debug information, if there is any",
    ),
    row(
        "-imultiarch",
        JoinedOrSeparate,
        Search,
        "subdirectory of headers",
    ),
    row(
        "-imultilib",
        JoinedOrSeparate,
        Search,
        "subdirectory of headers",
    ),
    row(
        "-iplugindir=",
        Joined,
        Unknown,
        "where plugins are looked for",
    ),
    row(
        "-no-integrated-cpp",
        None,
        Key,
        "preprocesses in a pass of its own",
    ),
    row(
        "-pass-exit-codes",
        None,
        Key,
        "exit code of the worst phase",
    ),
    pass("-print-objc-runtime-info", None, "writes a header"),
    row(
        "-remap",
        None,
        Pass(Reason::UnsupportedCompilerOption),
        "file names by header.gcc maps",
    ),
    row(
        "-specs=",
        Joined,
        Specs,
        "options of the driver in a file, read from the working directory or the compiler's own",
    ),
    row("-symbolic", None, Key, "not used by a compile"),
    row("-traditional", None, Key, "the preprocessor of old"),
    pass(
        "-wrapper",
        Separate,
        "runs the compiler's programs under another",
    ),
];
