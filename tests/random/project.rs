//! Random projects: a source of some language, headers in several directories,
//! data files for options.

use crate::rng::Rng;
use crate::scenario::File;

/// What the source is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    C,
    Cxx,
    Assembler,
    AssemblerCpp,
    Preprocessed,
    PreprocessedCxx,
}

impl Kind {
    pub fn draw(rng: &mut Rng, cxx: bool) -> Kind {
        match rng.below(20) {
            0 => Kind::Assembler,
            1 | 2 => Kind::AssemblerCpp,
            3 if !cxx => Kind::Preprocessed,
            3 => Kind::PreprocessedCxx,
            _ if cxx => Kind::Cxx,
            _ => Kind::C,
        }
    }

    pub fn suffixes(self) -> &'static [&'static str] {
        match self {
            Kind::C => &["c"],
            Kind::Cxx => &["cc", "cpp", "cxx", "C"],
            Kind::Assembler => &["s"],
            Kind::AssemblerCpp => &["S"],
            Kind::Preprocessed => &["i"],
            Kind::PreprocessedCxx => &["ii"],
        }
    }

    /// Whether headers are read.
    pub fn includes(self) -> bool {
        matches!(self, Kind::C | Kind::Cxx | Kind::AssemblerCpp)
    }

    pub fn is_assembler(self) -> bool {
        matches!(self, Kind::Assembler | Kind::AssemblerCpp)
    }
}

/// Headers and where each is; those of the same name shadow each other.
pub const HEADERS: &[&str] = &[
    "src/local.h",
    "inc1/a.h",
    "inc2/a.h",
    "inc2/b.h",
    "inc2/sub/c.h",
    "sys/s.h",
];

/// Ways to include them.
const INCLUDES: &[&str] = &[
    "#include \"local.h\"\n",
    "#include \"a.h\"\n",
    "#include <a.h>\n",
    "#include <b.h>\n",
    "#include \"sub/c.h\"\n",
    "#include <s.h>\n",
    "#import <s.h>\n",
    "#define WHICH \"b.h\"\n#include WHICH\n",
    "#define IN_ANGLES(x) <x.h>\n#include IN_ANGLES(a)\n",
    "#ifdef __has_include\n#if __has_include(\"opt.h\")\n#include \"opt.h\"\n#endif\n#endif\n",
    "#if defined(__has_include) && __has_include(<sub/opt2.h>)\nint has_opt2;\n#endif\n",
    "#ifdef FEATURE\n#include <b.h>\n#else\n#include \"a.h\"\n#endif\n",
    "# /* between */ include /* more */ \"a.h\" // end\n",
    "#\\\ninclude \"a.h\"\n",
];

const SYSTEM: &[&str] = &[
    "#include <stddef.h>\n",
    "#include <limits.h>\n",
    "#include <stdint.h>\n",
    "#include <assert.h>\nvoid asserted(int x) { assert(x > 3); }\n",
    "#include <string.h>\nint length(const char *s) { return (int)strlen(s); }\n",
];

/// Pieces that are C and C++.
const BOTH: &[&str] = &[
    "int plain(int a) { return a * 3 + 1; }\n",
    "static int unused_function(void) { return 4; }\n",
    "int unused_variable(void) { int u; return 2; }\n",
    "int compares(unsigned a, int b) { return a < b; }\n",
    "int falls(int x) { switch (x) { case 1: x++; /* fall through */ case 2: x++; } return x; }\n",
    "int falls2(int x) { switch (x) { case 1: x++;\n    // FALLTHRU\n case 2: x++; } return x; }\n",
    "const char *file(void) { return __FILE__; }\nint line(void) { return __LINE__; }\n",
    "const char *base(void) { return __BASE_FILE__; }\n",
    "const char *day(void) { return __DATE__; }\n",
    "/* nothing here uses __TIME__ or __DATE__ */\nconst char *words = \"__TIME__\";\n",
    "int counter1 = __COUNTER__, counter2 = __COUNTER__;\n",
    "#ifdef LEVEL\nint level = LEVEL;\n#endif\n",
    "#ifdef FEATURE\nint feature(void) { return 1; }\n#else\nint feature(void) { return 0; }\n#endif\n",
    "void barrier(void) { __asm__ volatile(\"nop\"); }\n",
    "__asm__(\".data\\n.globl from_asm\\nfrom_asm: .long 7\\n.text\");\n",
    "int table[] = { 1, 2, 3, 4,\n\t5, 6 };\n",
    "int loop(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i]; return s; }\n",
    "float scale(float *p, int n, float f) { for (int i = 0; i < n; i++) p[i] *= f; return f; }\n",
    "#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wunused-variable\"\nvoid quiet(void) { int q; }\n#pragma GCC diagnostic pop\n",
    "#pragma message(\"a message\")\n",
    "#warning this is a warning\n",
    "#line 200 \"elsewhere.c\"\nint elsewhere(void) { return __LINE__; }\n",
    "#define TWICE(x) ((x) + (x))\nint twice(int v) { return TWICE(v); }\n",
    "#define SPLICED 1 + \\\n    2\nint spliced = SPLICED;\n",
    "int b\\\nroken = 1;\n",
    "struct pad { char c; double d; char e; };\nstruct pad padded;\n",
    "int shadowing(int x) { { int x = 2; return x; } }\n",
    "extern int printf(const char *, ...);\nvoid prints(int i) { printf(\"%s\\n\", i); }\n",
    "int assigned(int a) { if (a = 3) return 1; return 0; }\n",
    "int indented(int a) { if (a)\n    a++;\n    a++;\n  return a; }\n",
    "const char *utf8 = \"\u{e4}\u{f6}\u{fc} \u{20ac}\";\n",
    "int recursion(int n) { return n < 2 ? 1 : n * recursion(n - 1); }\n",
    "int vla(int n) { char b[n]; b[0] = 1; return b[0]; }\n",
    "unsigned long long shift(unsigned long long a) { return a << 3 >> 1; }\n",
    "__attribute__((visibility(\"hidden\"))) int hidden = 5;\n__thread int per_thread;\n",
    "__attribute__((deprecated(\"old\"))) int old_one(void) { return 1; }\nint uses_old(void) { return old_one(); }\n",
    "int many(int a, int b, int c) {\n    if (a > 0 &&\n        b > 0)\n        return c;\n    return a && b || c;\n}\n",
    "#define UNUSED_MACRO 12\n",
    "int trailing; // comment \\\n  that goes on\n",
    "int tab\t= 3;\t\t/* tabs */\n",
    "#ifdef __INCLUDE_LEVEL__\nint depth = __INCLUDE_LEVEL__;\n#endif\n",
    "_Pragma(\"GCC diagnostic ignored \\\"-Wshadow\\\"\")\n",
    "#ifdef __OPTIMIZE__\nint optimized = 1;\n#endif\n#ifdef __PIC__\nint pic = __PIC__;\n#endif\n",
];

const RARE: &[&str] = &[
    "const char *now(void) { return __TIME__; }\n",
    "const char *stamp(void) { return __TIMESTAMP__; }\n",
    "__asm__(\".section .rodata\\n.incbin \\\"@W@/p/data.bin\\\"\\n.text\");\n",
    "__asm__(\".data\\n.\\151ncbin \\\"data.bin\\\"\\n.text\");\n",
    "#define READS(x) __asm__(\".data\\n.\" #x \" \\\"data.bin\\\"\\n.text\");\nREADS(incbin)\n",
    "__asm__(\".include \\\"asm.inc\\\"\\n.text\");\n",
    "#ifdef __has_embed\n#if __has_embed(\"data.bin\")\nint has_data;\n#endif\n#endif\n",
    "static const unsigned char embedded[] = {\n#if __clang_major__ > 18\n#embed \"../data.bin\"\n#else\n0\n#endif\n};\nint first_embedded(void) { return embedded[0]; }\n",
    "int broken( { return; }\n",
    "#error stop here\n",
    "#include \"missing.h\"\n",
    "int trigraph = '??/n';\n",
    "#pragma once\n",
    "#ident \"an identity\"\n",
    "int crlf;\r\nint crlf2;\r\n",
    "#pragma GCC dependency \"local.h\"\n",
];

const C_ONLY: &[&str] = &[
    "int implicit(x) int x; { return x; }\n",
    "int (*designated[3])(int) = { [1] = 0 };\n",
    "int *from_int(void) { return (int *)(long)3; }\n",
    "int old_style() { return 1; }\n",
    "_Static_assert(sizeof(int) == 4, \"size\");\n",
    "inline int inlined(int x) { return x + 1; }\n",
    "int generic(int x) { return _Generic(x, int: 1, default: 2); }\n",
    "_Complex double cplx(void) { return 1.0; }\n",
];

const CXX_ONLY: &[&str] = &[
    "template <class T> T largest(T a, T b) { return a < b ? b : a; }\nint largest_of(int a, int b) { return largest(a, b); }\n",
    "template <int N> struct Fact { enum { value = N * Fact<N - 1>::value }; };\ntemplate <> struct Fact<0> { enum { value = 1 }; };\nint fact5 = Fact<5>::value;\n",
    "struct Base { virtual int f() { return 1; } };\nstruct Derived : Base { int f() { return 2; } };\nDerived derived;\n",
    "int lambda(int a) { auto f = [&](int b) { return a + b; }; return f(2); }\n",
    "void throws(int a) { if (a) throw a; }\nint catches() { try { throws(1); } catch (int e) { return e; } return 0; }\n",
    "namespace { int inner = 3; }\nint outer() { return inner; }\n",
    "class Reordered { int a; int b; public: Reordered() : b(1), a(2) {} int s() { return a + b; } };\nint reordered() { return Reordered().s(); }\n",
    "constexpr int square(int x) { return x * x; }\nint squared[square(3)];\n",
    "static_assert(sizeof(long) == 8, \"wide\");\n",
    "inline int inlined(int x) { return x + 1; }\nint calls_inlined() { return inlined(2); }\n",
    "struct NoVirtualDestructor { virtual void f(); int m; };\nvoid destroy(NoVirtualDestructor *p) { delete p; }\n",
    "const char *function() { return __PRETTY_FUNCTION__; }\n",
];

const IN_HEADERS: &[&str] = &[
    "static inline int in_@NAME@(int a) { return a + @NUMBER@; }\n",
    "#define MACRO_@NAME@ @NUMBER@\n",
    "/* a comment in @NAME@ */\n",
    "extern int declared_@NAME@;\n",
    "static int warns_@NAME@(int a) { int unused_in_header; return a == 1 ? 1 : @NUMBER@; }\n",
    "static const char *where_@NAME@ = __FILE__;\n",
    "struct s_@NAME@ { int m[@NUMBER@]; };\n",
    "static int level_@NAME@ = __INCLUDE_LEVEL__;\n",
];

const ASSEMBLER: &[&str] = &[
    ".text\n.globl start\nstart:\n\tnop\n\tret\n",
    ".data\nvalue: .long 42\n",
    ".macro twice x\n\t.long \\x\n\t.long \\x\n.endm\n.data\ntwice 3\n",
    ".section .note.GNU-stack,\"\",@progbits\n",
    "/* a comment */\n",
    ".text\nf:\n\tmovl $1, %eax\n\tret\n.size f, .-f\n.type f, @function\n",
    ".ident \"by hand\"\n",
];

const ASSEMBLER_RARE: &[&str] = &[
    ".data\n.incbin \"data.bin\"\n",
    ".include \"asm.inc\"\n",
    "\tbogus %eax\n",
    ".warning \"careful\"\n",
    "# see /* here\n.data\n.incbin \"data.bin\"\n",
    ".data\n.INCBIN \"data.bin\"\n",
    ".macro reads what\n.inc\\what \"data.bin\"\n.endm\n.data\nreads bin\n",
    ".data\nlabel:.incbin \"data.bin\",1,2\n",
    ".data\n.byte 1;.incbin \"data.bin\"\n",
    ".irp x,incbin\n.\\x \"data.bin\"\n.endr\n",
    ".macro twice_read\n.include \"asm.inc\"\n.endm\ntwice_read\n",
];

const ASSEMBLER_CPP: &[&str] = &[
    "#define VALUE 7\n.data\n.long VALUE\n",
    "#ifdef FEATURE\n.data\nfeature: .long 1\n#endif\n",
    "#include \"plain.h\"\n.data\n.long PLAIN\n",
    "// a comment\n.data\n.long __LINE__\n",
    ".data\n.string __FILE__\n",
];

/// The project's files; the source is the first.
pub fn draw(rng: &mut Rng, kind: Kind) -> Vec<File> {
    let source = format!("p/src/main.{}", rng.pick(kind.suffixes()));
    let mut files = vec![File {
        path: source,
        chunks: source_chunks(rng, kind),
    }];
    for header in HEADERS {
        let name = header.rsplit('/').next().unwrap().replace(".h", "");
        files.push(File {
            path: format!("p/{header}"),
            chunks: header_chunks(rng, &name),
        });
    }
    let data: &[(&str, &str)] = &[
        ("src/plain.h", "#define PLAIN 5\n"),
        ("build/keep", ""),
        ("out/keep", ""),
        ("data.bin", "0123456789"),
        ("build/data.bin", "0123456789"),
        ("asm.inc", ".data\n.long 11\n"),
        ("list.txt", "fun:plain\nsrc:*nothing*\n"),
        ("my.specs", "*cpp_unique_options:\n+ -DSPECS=1\n\n"),
        ("my.cfg", "-DCONFIG=1\n"),
        ("sample.prof", "plain:100:1\n 1: 5\n"),
    ];
    for (path, text) in data {
        files.push(File {
            path: format!("p/{path}"),
            chunks: vec![(*text).to_owned()],
        });
    }
    files
}

/// New text for the source.
pub fn source_chunks(rng: &mut Rng, kind: Kind) -> Vec<String> {
    let mut lists: Vec<(&[&str], usize)> = Vec::new();
    match kind {
        Kind::C => lists.extend([(C_ONLY, rng.below(3)), (BOTH, 2 + rng.below(6))]),
        Kind::Cxx => lists.extend([(CXX_ONLY, 1 + rng.below(3)), (BOTH, 1 + rng.below(6))]),
        Kind::Preprocessed => lists.push((BOTH_PREPROCESSED, 2 + rng.below(3))),
        Kind::PreprocessedCxx => {
            lists.extend([
                (CXX_ONLY, rng.below(3)),
                (BOTH_PREPROCESSED, 1 + rng.below(3)),
            ]);
        }
        Kind::Assembler => lists.push((ASSEMBLER, 2 + rng.below(4))),
        Kind::AssemblerCpp => lists.extend([(ASSEMBLER_CPP, 1 + rng.below(3)), (ASSEMBLER, 2)]),
    }
    match kind {
        Kind::C | Kind::Cxx => {
            if rng.chance(15) {
                lists.push((RARE, 1));
            }
            if rng.chance(40) {
                lists.insert(0, (SYSTEM, 1 + rng.below(2)));
            }
            lists.insert(0, (INCLUDES, rng.below(4)));
        }
        _ if kind.is_assembler() && rng.chance(35) => lists.push((ASSEMBLER_RARE, 1)),
        _ => {}
    }
    let mut chunks: Vec<String> = Vec::new();
    for (list, count) in lists {
        for _ in 0..count {
            let chunk = (rng.pick(list)).to_owned();
            if !chunks.contains(&chunk) {
                chunks.push(chunk);
            }
        }
    }
    if chunks.is_empty() {
        chunks.push("int alone;\n".to_owned());
    }
    if rng.chance(3)
        && let Some(last) = chunks.last_mut()
    {
        last.pop();
    }
    chunks
}

const BOTH_PREPROCESSED: &[&str] = &[
    "# 1 \"first.c\"\nint first(void) { int u; return 1; }\n",
    "# 7 \"inc1/a.h\" 1 3 4\nint from_a;\n# 9 \"first.c\" 2\nint after;\n",
    "int plain(int a) { return a * 3 + 1; }\n",
    "static int unused_function(void) { return 4; }\n",
    "const char *name(void) { return \"name\"; }\n",
    "int falls(int x) { switch (x) { case 1: x++; case 2: x++; } return x; }\n",
    "/* a comment */\n",
];

/// New text for the header `name`.
pub fn header_chunks(rng: &mut Rng, name: &str) -> Vec<String> {
    let mut chunks = Vec::new();
    let guarded = rng.chance(70);
    if guarded {
        chunks.push(match rng.chance(40) {
            true => "#pragma once\n".to_owned(),
            false => format!("#ifndef H_{name}\n#define H_{name}\n"),
        });
    }
    for _ in 0..1 + rng.below(3) {
        let number = (2 + rng.below(90)).to_string();
        let chunk = rng.pick(IN_HEADERS).replace("@NAME@", name);
        let chunk = chunk.replace("@NUMBER@", &number);
        let same = |c: &String| c.get(..22) == chunk.get(..22);
        if !chunks.iter().any(same) {
            chunks.push(chunk);
        }
    }
    if name == "b" && rng.chance(20) {
        chunks.push("#include_next <b.h>\n".to_owned());
    }
    if name == "a" && rng.chance(20) {
        chunks.push("#include \"sub/c.h\"\n".to_owned());
    }
    if chunks
        .first()
        .is_some_and(|first| first.starts_with("#ifndef"))
    {
        chunks.push("#endif\n".to_owned());
    }
    chunks
}
