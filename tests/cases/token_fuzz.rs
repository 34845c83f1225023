//! The proof of the token digest: whenever two versions of a source and its
//! header have equal digests, the real compilers must say and make the same.
//!
//! `TOKEN_FUZZ_SECONDS` makes it run longer, `TOKEN_FUZZ_SEED` repeats a run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use cache::hash::tokens::skeleton::{File, skeleton};
use cache::hash::tokens::{Dialect, Has, TokenDigest, digest, read};

use crate::support::find_program;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// A part of a source.
#[derive(Clone, Debug)]
enum Part {
    /// As it is.
    Text(String),
    /// `/*` ... `*/`.
    Block(String),
    /// `//` ... to the end of the line.
    Line(String),
    /// At the end of a line.
    Blanks(String),
    /// A line that defines a macro, or none.
    Macro(String),
}

fn spell(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(part) | Part::Blanks(part) | Part::Macro(part) => text.push_str(part),
            Part::Block(body) => write!(text, "/*{body}*/").unwrap(),
            Part::Line(body) => write!(text, "//{body}").unwrap(),
        }
    }
    text
}

const WORDS: &[&str] = &[
    "a",
    "word",
    "it's",
    "\"",
    "'",
    "\\",
    " ",
    "  ",
    "\t",
    "*",
    "/",
    "//",
    "#include <x.h>",
    "#define A",
    "R\"(",
    ")\"",
    "fall through",
    "FALLTHRU",
    "-fallthrough",
    "\u{fc}",
    "\u{202e}",
    "1'0",
    "??/",
    "<",
    ">",
    "NOLINT",
    "--",
    "TODO:",
    "@param x",
    "__TIME__",
    "{",
    "}",
    ";",
    "\\n",
    "*\\",
];

fn words(random: &mut Random) -> String {
    let mut body = String::new();
    for _ in 0..random.below(5) {
        // The strange ones are rare, or hardly any two sources are equal.
        let limit = if random.chance(12) { WORDS.len() } else { 9 };
        body.push_str(WORDS[random.below(limit)]);
        if random.chance(50) {
            body.push(' ');
        }
    }
    body
}

fn block(random: &mut Random, lines: bool) -> Part {
    let mut body = words(random);
    while lines && random.chance(40) {
        body.push_str(if random.chance(5) { "\\\n" } else { "\n" });
        body.push_str(random.pick(&["", " * ", "   ", "\t", "*"]));
        body.push_str(&words(random));
    }
    if random.chance(98) {
        body = body.replace("*/", "* /");
    }
    Part::Block(body)
}

fn line(random: &mut Random) -> Part {
    let mut body = words(random);
    if random.chance(97) {
        body.truncate(body.trim_end_matches(['\\', ' ', '\t']).len());
    }
    if random.chance(3) {
        body.push_str("\\\n int after_splice;");
    }
    Part::Line(body)
}

/// Declarations that compile; `#` becomes a number of its own.
const TOPS: &[&str] = &[
    "int v# = 1 ;",
    "static const char * s# = \"/* no */ // no\" ;",
    "char c# = '\\'' ; char d# = '\"' ;",
    "#define M#( x ) ( ( x ) + # )",
    "#define E#",
    "#define S#( x ) #x\nconst char * t# = S#( a + b ) ;",
    "#define L#( x ) \\\n  ( ( x ) \\\n + 1 )\nint l#( int x ) { return L#( x ) ; }",
    "#if 0\n don't // look\n#else\nint i# ;\n#endif",
    "#if 1 < 2\nint j# ;\n#endif",
    "#ifndef G#\n#define G#\n#endif",
    "int f#( int x ) {\n  if ( x )\n    return __LINE__ ;\n  x ++ ;\n  return x / 2 ;\n}",
    "int g#( int x ) {\n  switch ( x ) {\n  case 1 :\n    x ++ ;\n  case 2 :\n    x -- ;\n    break ;\n  default : ;\n  }\n  return x ;\n}",
    "int h#( int x ) {\n\tif ( x )\n\t\tx ++ ;\n\tx -- ;\n\treturn x ;\n}",
    "int k#( int x ) {\n  while ( x > 3 ) x -- ; x ++ ;\n  return x ;\n}",
    "struct st# { int a , b ; } ;",
    "int u#( void ) { int unused ; return 1 ; }",
    "extern int e# ; /**/",
    "#pragma GCC visibility push(default)\nint w# ;\n#pragma GCC visibility pop",
    "int m# = 1 + \\\n 2 ;",
    "int n#( int a , int b ) { return a /b ; }",
    "int y#( int * p ) { return 6 / *p ; }",
    "int z#( int x ) { if ( x ) ; return 1 ; }",
    // Macros put together of pieces; what they say can be seen in a string.
    "#define P#( a , b ) a %:%: b\n#define Q#( x ) #x\n#define R#( x ) Q#( x )\nconst char * p# = R#( P#( UN_ , 1 ) P#( U , N_2 ) ) ;",
    "#define P#( a , b ) a %:%: b\n#define O#( a , b ) P#( a , b )\n#define Q#( x ) #x\n#define R#( x ) Q#( x )\nconst char * p# = R#( O#( UN_ , __COUNTER__ ) ) ;",
];

const CXX_TOPS: &[&str] = &[
    "const char * r# = R\"(// a /* b\n\" ' */)\" ;",
    "const char * r# = R\"x( )\" ' )x\" ;",
    "int q# = 1'000'0 ;",
    "auto a# = [] ( int x ) { return x ; } ;",
    "template < typename T > T t#( T x ) { return x ; }",
    "int b# = t#<>( 1 ) + # ;",
];

/// Macros, used or not; `#` not before a letter becomes a number.
const MACROS: &[&str] = &[
    "#define UN_# 1",
    "#define UN_# 2 + 3",
    "#define UN_#(a) ((a) + 1)",
    "#define UN_#(a, b) a b",
    "#define UN_# \"text\" // c",
    "#define UN_#",
    "  #define UN_# 'c'",
    "#define UN_# /* d */ 1",
    "#define UN_# M1( 2 )",
    "#define UN_# v1",
    "#define UN_# ( \\\n + 1 )",
    "#define UN_1 3",
    "#define UN_#(a, a) 1",
    "#define UN_#(a) #b",
    "#define UN_# ## 1",
    "#define UN_#(...) __VA_ARGS__",
    "#define UN_# __VA_ARGS__",
    "#define UN_# \"x\"y",
    "#define UN_# 'x",
    "#define UN_# 1'0",
    "#define UN_# ''",
    "#define UN_# __LINE__",
    "#define v1 v2",
    "#define M1(x) (x)",
    "#define x y",
    "#define NDEBUG",
    "#define __x 1",
    "#define int long",
    "#define linux 2",
    "#undef UN_1",
    "#define UN_# @ $ `",
    "",
];

fn define(random: &mut Random) -> Part {
    // Mostly the harmless ones.
    let limit = if random.chance(25) { MACROS.len() } else { 11 };
    let text = MACROS[random.below(limit)];
    let text = number_it(text, random.below(6));
    Part::Macro(if random.chance(20) {
        String::new()
    } else {
        text
    })
}

fn source(random: &mut Random, cxx: bool, first: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let newline = if random.chance(10) { "\r\n" } else { "\n" };
    for number in first..first + 3 + random.below(6) {
        let top = match cxx && random.chance(25) {
            true => random.pick(&CXX_TOPS[..5]),
            false => random.pick(TOPS),
        };
        let numbered = number_it(top, number);
        for (index, row) in numbered.split('\n').enumerate() {
            if !parts.is_empty() && random.chance(15) {
                let inside = numbered[..numbered.find(row).unwrap_or(0)].ends_with("\\\n");
                if !inside && !numbered.contains("R\"") {
                    parts.push(define(random));
                    parts.push(Part::Text(newline.to_owned()));
                }
            }
            if index > 0 || random.chance(20) {
                comment_line(random, &mut parts, newline, row.ends_with('\\'));
            }
            code_line(random, &mut parts, row, newline);
        }
    }
    if random.chance(10) {
        parts.push(line(random));
    }
    parts
}

/// `#` not before a letter is the number.
fn number_it(top: &str, number: usize) -> String {
    let mut text = String::new();
    let bytes: Vec<char> = top.chars().collect();
    for (at, c) in bytes.iter().enumerate() {
        let directive = *c == '#'
            && (at == 0 || bytes[at - 1] == '\n' || bytes[at - 1] == ' ')
            && bytes.get(at + 1).is_some_and(|c| c.is_ascii_alphabetic());
        match c {
            '#' if !directive => write!(text, "{number}").unwrap(),
            c => text.push(*c),
        }
    }
    text
}

fn comment_line(random: &mut Random, parts: &mut Vec<Part>, newline: &str, joined: bool) {
    if joined || !random.chance(25) || spell(parts).trim_end().ends_with('\\') {
        return;
    }
    parts.push(Part::Text(
        random.pick(&["", "  ", "\t", "    "]).to_owned(),
    ));
    parts.push(if random.chance(50) {
        line(random)
    } else {
        block(random, true)
    });
    parts.push(Part::Blanks(String::new()));
    parts.push(Part::Text(newline.to_owned()));
}

fn code_line(random: &mut Random, parts: &mut Vec<Part>, row: &str, newline: &str) {
    let (row, joined) = match row.strip_suffix('\\') {
        Some(row) => (row, true),
        None => (row, false),
    };
    let raw = row.contains("R\"") || row.contains("*/)");
    for (index, piece) in row.split(' ').enumerate() {
        if index > 0 {
            parts.push(Part::Text(" ".to_owned()));
        }
        if index > 0 && !raw && random.chance(8) && !row.contains('"') && !row.contains('\'') {
            let lines = random.chance(20);
            parts.push(block(random, lines));
            parts.push(Part::Text(" ".to_owned()));
        }
        parts.push(Part::Text(piece.to_owned()));
    }
    if joined {
        parts.push(Part::Text(format!("\\{newline}")));
        return;
    }
    if !raw {
        match random.below(8) {
            0 => parts.push(line(random)),
            1 => parts.push(block(random, false)),
            2 => parts.push(Part::Text(" ".to_owned())),
            _ => {}
        }
        parts.push(Part::Blanks(String::new()));
    }
    parts.push(Part::Text(newline.to_owned()));
}

/// Another version: comments and blanks that differ, now and then a token.
fn mutate(random: &mut Random, parts: &[Part]) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let last_of_line = matches!(parts.get(index + 1), Some(Part::Blanks(_)));
        let new = match part {
            Part::Block(body) if random.chance(30) => match block(random, body.contains('\n')) {
                // Of the old one's size, where tokens follow.
                Part::Block(new) if !last_of_line => {
                    let same = new.lines().count() == body.lines().count();
                    let mut new = if same { new } else { body.clone() };
                    let (has, wants) = (width(&new), width(body));
                    new.push_str(&" ".repeat(wants.saturating_sub(has)));
                    Part::Block(new)
                }
                other => other,
            },
            Part::Macro(old) if random.chance(50) => match define(random) {
                Part::Macro(new) if new.lines().count().max(1) == old.lines().count().max(1) => {
                    Part::Macro(new)
                }
                _ => part.clone(),
            },
            Part::Line(_) if random.chance(40) => line(random),
            Part::Line(_) | Part::Block(_) if last_of_line && random.chance(10) => {
                Part::Blanks("  ".to_owned())
            }
            Part::Blanks(_) if random.chance(20) => Part::Blanks(
                random
                    .pick(&["", " ", "\t ", " // new", " /* new */"])
                    .to_owned(),
            ),
            Part::Text(text) if text == " " && random.chance(1) => Part::Text("\t".to_owned()),
            other => other.clone(),
        };
        out.push(new);
    }
    out
}

fn width(text: &str) -> usize {
    text.rsplit('\n').next().unwrap_or("").chars().count()
}

#[derive(PartialEq, Debug)]
struct Answer {
    code: Option<i32>,
    object: Option<Vec<u8>>,
    stdout: String,
    stderr: String,
}

fn compile(directory: &Path, compiler: &str, options: &str, name: &str) -> Answer {
    let object = directory.join("x.o");
    let caret = match compiler.starts_with('g') {
        true => "-fno-diagnostics-show-caret",
        false => "-fno-caret-diagnostics",
    };
    let _ = fs::remove_file(&object);
    let output = Command::new(compiler)
        .args(options.split(' '))
        .args([caret, name])
        .current_dir(directory)
        .env("LC_ALL", "C")
        .env("TMPDIR", directory)
        .output()
        .unwrap();
    Answer {
        code: output.status.code(),
        object: fs::read(&object).ok(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

type Pair = [String; 2];

/// A source and its header in two versions with equal digests, or with equal
/// skeletons (`true`).
fn equal_pair(random: &mut Random, cxx: bool) -> (Pair, Pair, bool) {
    let dialect = match cxx {
        true => Dialect {
            raw_strings: Has::Yes,
            digit_separators: Has::Yes,
        },
        false => Dialect::ANY,
    };
    let digests = |pair: &Pair| -> Vec<TokenDigest> {
        pair.iter()
            .map(|text| digest(text.as_bytes(), dialect))
            .collect()
    };
    loop {
        let mut main = source(random, cxx, 1);
        main.insert(0, Part::Text("#include \"h.h\"\n".to_owned()));
        let header = source(random, cxx, 100);
        let one = [spell(&main), spell(&header)];
        for _ in 0..20 {
            let other = [
                spell(&mutate(random, &main)),
                spell(&mutate(random, &header)),
            ];
            if one == other {
                continue;
            }
            if digests(&one) == digests(&other) {
                return (one, other, false);
            }
            let unit = unit_skeleton(&one, dialect);
            if unit.is_some() && unit == unit_skeleton(&other, dialect) {
                return (one, other, true);
            }
        }
    }
}

fn unit(files: &[File<'_>], dialect: Dialect) -> Option<TokenDigest> {
    skeleton(files, &[], dialect)
}

fn unit_skeleton(pair: &Pair, dialect: Dialect) -> Option<TokenDigest> {
    let files = pair.each_ref();
    let files = files.map(|text| File::Changing(text.as_bytes(), None));
    let skeleton = unit(&files, dialect);
    // What the digests are made of serves as well.
    let texts = pair.each_ref();
    let read = texts.map(|text| read(text.as_bytes(), dialect).1);
    let mut pages = read.iter();
    let files = files.map(|file| match file {
        File::Changing(text, _) => File::Changing(text, pages.next().and_then(Option::as_ref)),
        fixed => fixed,
    });
    assert_eq!(skeleton, unit(&files, dialect));
    skeleton
}

#[test]
fn i1_equal_token_digests_mean_equal_products() {
    let seconds = std::env::var("TOKEN_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|s| s.parse().ok()).unwrap_or(4);
    let seed = std::env::var("TOKEN_FUZZ_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let seed: u64 = seed.unwrap_or(now.as_nanos() as u64) | 1;
    println!("TOKEN_FUZZ_SEED={seed}");
    let mut random = Random(seed);
    let directory = tempfile::tempdir().unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut rounds, mut compiled, mut by_macros) = (0, 0, 0);
    while Instant::now() < end {
        let cxx = random.chance(50);
        let (one, other, macros) = equal_pair(&mut random, cxx);
        let name = if cxx { "x.cc" } else { "x.c" };
        let level = random.pick(&["-O0", "-O2"]);
        let drivers = match cxx {
            true => ["g++-12", "clang++-14", "clang++-19"],
            false => ["gcc-12", "clang-14", "clang-19"],
        };
        let driver = random.pick(&drivers);
        if find_program(driver).is_none() {
            continue;
        }
        let debug = if driver.starts_with('g') {
            "-g"
        } else {
            "-g -gdwarf-4"
        };
        let products = ["-c -o x.o", "-c -o x.o", "-S -o x.o", "-E"];
        let product = random.pick(&products[..if macros { 3 } else { 4 }]);
        let options = format!("{product} {level} {debug} -Wall -Wextra -w");
        let quiet = random.chance(50);
        let options = match quiet {
            true => options,
            false => options.trim_end_matches(" -w").to_owned(),
        };
        let answers = [&one, &other].map(|[main, header]| {
            fs::write(directory.path().join(name), main).unwrap();
            fs::write(directory.path().join("h.h"), header).unwrap();
            compile(directory.path(), driver, &options, name)
        });
        // What is stored with messages is only looked up by its content.
        let heard = macros && !(answers[0].stderr.is_empty() && answers[0].code == Some(0));
        assert!(
            heard || answers[0] == answers[1],
            "seed {seed}, round {rounds}: {driver} {options}\n{:#?}\n{:#?}\n\
             ==== main\n{}\n==== header\n{}\n==== main\n{}\n==== header\n{}\n",
            answers[0].stderr,
            answers[1].stderr,
            one[0],
            one[1],
            other[0],
            other[1]
        );
        if std::env::var_os("TOKEN_FUZZ_SHOW").is_some() && answers[0].code != Some(0) {
            println!("{}", answers[0].stderr);
        }
        rounds += 1;
        compiled += usize::from(answers[0].code == Some(0));
        by_macros += usize::from(macros && !heard);
    }
    println!("{rounds} rounds, {compiled} of them compile, {by_macros} with other macros");
}
