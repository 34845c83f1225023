//! Machines that share a store, and what they compile.

use std::path::Path;

use crate::machine::Machine;
use crate::servers::weed::Weed;
use crate::support::counters::Counters;

pub const PLAIN: &[&str] = &["gcc", "-c", "x.c", "-o", "x.o"];
/// See [`source`].
pub const FRESH: &[&str] = &["gcc", "-c", "n.c", "-o", "n.o"];
pub const CLANG: &[&str] = &["clang-19", "-c", "x.c", "-o", "x.o"];
pub const WARNS: &[&str] = &["gcc", "-Wall", "-MMD", "-c", "w.c", "-o", "w.o"];

/// A machine with the small project, whose user's file is `configuration`.
pub fn member(root: &Path, name: &str, configuration: &str) -> Machine {
    let machine = Machine::new(root, name);
    machine.configure(configuration);
    machine.write("x.h", "#define X 1\n");
    machine.write("x.c", "#include \"x.h\"\nint x(void) { return X; }\n");
    machine.write("w.c", "int w(void) { int unused; return 2; }\n");
    machine
}

/// Two of them.
pub fn pair(root: &Path, configuration: &str) -> [Machine; 2] {
    ["a", "b"].map(|name| member(root, name, configuration))
}

/// The `number`th of many sources, as `n.c`.
pub fn source(number: usize) -> String {
    format!("int n{number}(void) {{ return {number}; }}\n")
}

/// Compiles that source.
pub fn fresh(machine: &Machine, number: usize) -> Counters {
    machine.write("n.c", &source(number));
    machine.compile(FRESH)
}

/// A section for a bucket of the server behind `port`, as its administrator.
pub fn s3(weed: &Weed, port: u16, bucket: &str, more: &str) -> String {
    let admin = weed.admin();
    format!(
        "[[store]]\nname = \"team\"\ntype = \"s3\"\nbucket = \"{bucket}\"\n\
         endpoint = \"http://127.0.0.1:{port}\"\n\
         access_key = \"{}\"\nsecret_key = \"{}\"\n{more}\n",
        admin.access, admin.secret
    )
}

/// A section for a web server.
pub fn http(port: u16, path: &str, more: &str) -> String {
    format!(
        "[[store]]\nname = \"team\"\ntype = \"http\"\n\
         url = \"http://127.0.0.1:{port}{path}\"\n{more}\n"
    )
}

/// A section for a shared directory.
pub fn directory(path: &Path, more: &str) -> String {
    format!(
        "[[store]]\nname = \"team\"\ntype = \"directory\"\npath = \"{}\"\n{more}\n",
        path.display()
    )
}
