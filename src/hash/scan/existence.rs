//! `__has_include`: what it asks for, in conditions and in macros.

use super::{Asked, Context, Scanner, Style};

impl Scanner<'_> {
    /// Behind `__has_include` or a macro that does the same.
    pub(super) fn has_include(&mut self, asked: Asked) {
        self.skip_blank();
        if self.peek(0) == b'(' {
            self.at += 1;
            self.skip_blank();
            if let Some((name, style)) = self.header_name() {
                // A quoted name is looked for beside the file that is being
                // read: in a macro, the one that uses it.
                let asked = match (self.context, style, asked) {
                    (Context::Define(_), Style::Quote, Asked::Exists) => Asked::ExistsAnywhere,
                    _ => asked,
                };
                return self.note(name, style, asked);
            }
        }
        match self.context {
            // Compilers know it in directives only.
            Context::Text => {}
            // What the macro asks for stands where it is used.
            Context::Define(name) if asked == Asked::Exists => {
                let known = &mut self.found.existence_macros;
                if !known.iter().any(|macro_name| macro_name == name) {
                    known.push(name.to_owned());
                }
            }
            Context::Define(_) | Context::Directive => self.found.computed_existence = true,
        }
    }

    /// Behind `defined`, `#ifdef` and the like: the name there is not a use of it.
    pub(super) fn skip_operand(&mut self) {
        self.skip_blank();
        if self.peek(0) == b'(' {
            self.at += 1;
            self.skip_blank();
        }
        self.take_word();
    }
}
