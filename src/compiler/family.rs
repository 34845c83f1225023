//! Compiler families, and what a driver's name says.

/// The option tables and the conventions that a compiler follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// GNU Compiler Collection.
    Gcc,
    /// LLVM's gcc-compatible driver.
    Clang,
}

/// What a program's base name says about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DriverName {
    /// `None` for `cc` and `c++`, which may be either.
    pub family: Option<Family>,
    /// `g++`, `c++`, `clang++`: C sources are compiled as C++ when the name says so
    /// (g++ and clang++ treat `.c` as C++).
    pub cxx: bool,
}

impl DriverName {
    /// Reads `cc`, `c++`, `gcc`, `g++`, `clang`, `clang++`, with a target
    /// prefix (`x86_64-linux-gnu-gcc`), a version suffix (`gcc-12`,
    /// `clang++-19`), or both. `None`: not the name of a compiler we know.
    pub fn parse(name: &str) -> Option<DriverName> {
        let _ = name;
        todo!()
    }
}

/// A language as `-x` spells it (`c`, `c++`, `cpp-output`, `assembler-with-cpp`, ...).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Language(pub &'static str);
