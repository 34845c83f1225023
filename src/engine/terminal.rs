//! Colours: a compiler that writes to us instead of a terminal would drop them.

use crate::compiler::{Command, Family};
use crate::config::Environment;

/// What standard error is.
pub struct Terminal {
    is_terminal: bool,
    /// Whether the environment lets compilers use colour on a terminal.
    capable: bool,
    /// `GCC_COLORS` is set and empty: gcc writes none.
    gcc_forbidden: bool,
}

impl Terminal {
    /// Looks at standard error and the environment.
    pub fn detect(environment: &Environment) -> Terminal {
        let is_terminal = rustix::termios::isatty(rustix::stdio::stderr());
        let term = environment.get("TERM");
        Terminal {
            is_terminal,
            capable: term.is_some_and(|term| !term.is_empty() && term != "dumb"),
            gcc_forbidden: environment
                .get("GCC_COLORS")
                .is_some_and(|colors| colors.is_empty()),
        }
    }

    /// Whether the compiler, run by itself, would write in colour here without
    /// having been told to.
    pub fn wants_color(&self, family: Family, command: &Command) -> bool {
        self.is_terminal
            && self.capable
            && !command.traits.explicit_color
            && !(family == Family::Gcc && self.gcc_forbidden)
    }

    /// The option that makes it do so for us.
    pub fn color_option(&self, family: Family, command: &Command) -> Option<&'static str> {
        // A product that records the command line must not record ours.
        if !self.wants_color(family, command) || command.traits.records_command {
            return None;
        }
        Some(match family {
            Family::Gcc => "-fdiagnostics-color=always",
            Family::Clang => "-fcolor-diagnostics",
        })
    }
}

/// `text` without the colour sequences that compilers write (`ESC [ ... m` and
/// `ESC [ K`, ECMA-48 SGR and EL). Only for text in which no other escape
/// characters can be.
pub fn strip_color(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        let (plain, sequence) = rest.split_at(at);
        out.extend_from_slice(plain);
        let parameters = sequence
            .iter()
            .skip(2)
            .take_while(|b| b.is_ascii_digit() || **b == b';')
            .count();
        let end = 2 + parameters;
        let known =
            sequence.get(1) == Some(&b'[') && matches!(sequence.get(end), Some(b'm' | b'K'));
        let length = if known { end + 1 } else { 1 };
        if !known {
            out.push(0x1b);
        }
        rest = sequence.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::strip_color;

    #[test]
    fn colours_go_and_the_rest_stays() {
        let colored = b"\x1b[01m\x1b[Kx.c:1:\x1b[m\x1b[K \x1b[0;1;35mwarning\x1b[0m \x1b]8 \x1b";
        assert_eq!(strip_color(colored), b"x.c:1: warning \x1b]8 \x1b");
    }
}
