//! What went into a precompiled header of clang: the files, and whether it holds
//! their times to compare with.
//!
//! ```text
//! file   = "CPCH" block*                   (LLVM bitstream, abbreviations 2 bits wide)
//! block 15 (control)     record 2  imports: made from another precompiled header
//!   block 16 (inputs)    record 1  input file: id size mtime overridden transient
//!                                  ... name:blob
//! ```
//!
//! The bitstream is described in LLVM's "LLVM Bitcode File Format", the blocks
//! are those of clang 14 to 19 (`llvm-bcanalyzer --dump`). From clang 16 on the
//! last number is the length of the name as it was asked for, with which the blob
//! begins; the rest, if any, is the name it was found by.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// The first bytes of such a file.
pub const MAGIC: &[u8; 4] = b"CPCH";

const BLOCK_INFO: u64 = 0;
const CONTROL: u64 = 15;
const INPUT_FILES: u64 = 16;
const IMPORTS: u64 = 2;
const INPUT_FILE: u64 = 1;

/// What went into a precompiled header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Absolute names, as clang looks for them when it uses the header, and the
    /// modification time that it compares, in seconds; 0: none.
    pub files: Vec<(PathBuf, u64)>,
}

impl Contents {
    /// Whether any modification time is compared.
    pub fn holds_times(&self) -> bool {
        self.files.iter().any(|(_, time)| *time != 0)
    }
}

/// Reads a precompiled header. `None`: it is none, was made from another one or
/// from something that is no file, or has a form that is not known here.
pub fn read(bytes: &[u8]) -> Option<Contents> {
    let mut bits = Bits {
        bytes: bytes.strip_prefix(MAGIC)?,
        at: 0,
    };
    let mut contents = Contents::default();
    while bits.left() >= 64 {
        if bits.fixed(2)? != ENTER_BLOCK {
            return None;
        }
        let (id, block) = bits.enter()?;
        if id == CONTROL {
            block.read(&mut |block, record| take(&mut contents, block, record))?;
            return (!contents.files.is_empty()).then_some(contents);
        }
        if id == BLOCK_INFO && block.describes(&[CONTROL, INPUT_FILES])? {
            return None;
        }
    }
    None
}

fn take(contents: &mut Contents, block: u64, record: &Record<'_>) -> Option<()> {
    match (block, record.code) {
        (CONTROL, IMPORTS) => None,
        (INPUT_FILES, INPUT_FILE) => {
            let [_, _, modified, overridden, transient, more @ ..] = record.values.as_slice()
            else {
                return None;
            };
            let blob = record.blob?;
            let name = match more {
                [_] => blob,
                [_, _, asked] => {
                    let (asked, found) = blob.split_at_checked(usize::try_from(*asked).ok()?)?;
                    if found.is_empty() { asked } else { found }
                }
                _ => return None,
            };
            if *overridden != 0 || *transient != 0 || !name.starts_with(b"/") {
                return None;
            }
            let name = PathBuf::from(OsString::from_vec(name.to_vec()));
            contents.files.push((name, *modified));
            Some(())
        }
        _ => Some(()),
    }
}

const END_BLOCK: u64 = 0;
const ENTER_BLOCK: u64 = 1;
const DEFINE_ABBREVIATION: u64 = 2;
const UNABBREVIATED: u64 = 3;
const SET_BLOCK: u64 = 1;

/// How one number of a record is written.
#[derive(Clone, Copy, Debug)]
enum Operand {
    Literal(u64),
    Fixed(u32),
    Variable(u32),
    Array,
    Char6,
    Blob,
}

#[derive(Default)]
struct Record<'a> {
    code: u64,
    values: Vec<u64>,
    blob: Option<&'a [u8]>,
}

/// A position in a stream of bits, the lowest of each byte first.
#[derive(Clone, Copy)]
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    fn fixed(&mut self, width: u32) -> Option<u64> {
        if width > 64 || self.left() < width as usize {
            return None;
        }
        let mut value = 0;
        for bit in 0..width {
            let byte = self.bytes.get(self.at / 8)?;
            value |= u64::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(value)
    }

    /// Groups of `width` bits, the highest of each says that another follows.
    fn variable(&mut self, width: u32) -> Option<u64> {
        let more = 1u64.checked_shl(width.checked_sub(1)?)?;
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let group = self.fixed(width)?;
            value |= (group & (more - 1)).checked_shl(shift)?;
            if group & more == 0 {
                return Some(value);
            }
            shift += width - 1;
        }
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(32);
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let start = self.at / 8;
        let taken = self.bytes.get(start..start.checked_add(bytes)?)?;
        self.at += bytes * 8;
        Some(taken)
    }

    /// Behind the mark that a block begins: its number and inside.
    fn enter(&mut self) -> Option<(u64, Block<'a>)> {
        let id = self.variable(8)?;
        let width = u32::try_from(self.variable(4)?).ok()?;
        self.align();
        let words = usize::try_from(self.fixed(32)?).ok()?;
        let bytes = self.take(words.checked_mul(4)?)?;
        let block = Block {
            id,
            width: Some(width).filter(|width| (2..=32).contains(width))?,
            bits: Bits { bytes, at: 0 },
            abbreviations: Vec::new(),
        };
        Some((id, block))
    }

    fn operand(&mut self, operand: Operand) -> Option<u64> {
        match operand {
            Operand::Literal(value) => Some(value),
            Operand::Fixed(width) => self.fixed(width),
            Operand::Variable(width) => self.variable(width),
            Operand::Char6 => self.fixed(6),
            Operand::Array | Operand::Blob => None,
        }
    }

    fn abbreviation(&mut self) -> Option<Vec<Operand>> {
        let count = self.variable(5)?;
        let mut operands = Vec::new();
        for _ in 0..count {
            operands.push(match self.fixed(1)? {
                1 => Operand::Literal(self.variable(8)?),
                _ => match self.fixed(3)? {
                    1 => Operand::Fixed(u32::try_from(self.variable(5)?).ok()?),
                    2 => match u32::try_from(self.variable(5)?).ok()? {
                        0 => Operand::Literal(0),
                        width => Operand::Variable(width),
                    },
                    3 => Operand::Array,
                    4 => Operand::Char6,
                    5 => Operand::Blob,
                    _ => return None,
                },
            });
        }
        Some(operands)
    }

    fn record(&mut self, operands: &[Operand]) -> Option<Record<'a>> {
        let mut record = Record::default();
        let mut numbers = Vec::new();
        let mut operands = operands.iter();
        while let Some(&operand) = operands.next() {
            match operand {
                Operand::Array => {
                    let count = self.variable(6)?;
                    let element = *operands.next()?;
                    if count > self.left() as u64 {
                        return None;
                    }
                    for _ in 0..count {
                        numbers.push(self.operand(element)?);
                    }
                }
                Operand::Blob => {
                    let length = usize::try_from(self.variable(6)?).ok()?;
                    self.align();
                    record.blob = Some(self.take(length)?);
                    self.align();
                }
                operand => numbers.push(self.operand(operand)?),
            }
        }
        let (code, values) = numbers.split_first()?;
        record.code = *code;
        record.values = values.to_vec();
        Some(record)
    }

    fn plain_record(&mut self) -> Option<Record<'a>> {
        let code = self.variable(6)?;
        let count = self.variable(6)?;
        if count > self.left() as u64 {
            return None;
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.variable(6)?);
        }
        Some(Record {
            code,
            values,
            blob: None,
        })
    }
}

/// The inside of a block.
struct Block<'a> {
    id: u64,
    width: u32,
    bits: Bits<'a>,
    abbreviations: Vec<Vec<Operand>>,
}

impl<'a> Block<'a> {
    /// Shows every record of the control block and the blocks of input files in
    /// it to `visit`, which stops with `None`.
    fn read(mut self, visit: &mut dyn FnMut(u64, &Record<'a>) -> Option<()>) -> Option<()> {
        loop {
            match self.bits.fixed(self.width)? {
                END_BLOCK => return Some(()),
                ENTER_BLOCK => {
                    let (id, block) = self.bits.enter()?;
                    if id == INPUT_FILES && self.id == CONTROL {
                        block.read(visit)?;
                    }
                }
                DEFINE_ABBREVIATION => self.abbreviations.push(self.bits.abbreviation()?),
                UNABBREVIATED => visit(self.id, &self.bits.plain_record()?)?,
                known => {
                    let index = usize::try_from(known).ok()?.checked_sub(4)?;
                    let record = self.bits.record(self.abbreviations.get(index)?)?;
                    visit(self.id, &record)?;
                }
            }
        }
    }

    /// Whether a block of this kind (block information) gives abbreviations to
    /// one of `blocks`; they would have to be known.
    fn describes(mut self, blocks: &[u64]) -> Option<bool> {
        let mut about = None;
        loop {
            match self.bits.fixed(self.width)? {
                END_BLOCK => return Some(false),
                DEFINE_ABBREVIATION => {
                    self.bits.abbreviation()?;
                    if about.is_some_and(|id| blocks.contains(&id)) {
                        return Some(true);
                    }
                }
                UNABBREVIATED => {
                    // Other records name blocks and records, for people.
                    let record = self.bits.plain_record()?;
                    if record.code == SET_BLOCK {
                        about = record.values.first().copied();
                    }
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    fn precompiled(directory: &Path, clang: &str, more: &[&str]) -> Option<Vec<u8>> {
        fs_err::write(
            directory.join("a.h"),
            "#include <stddef.h>\n#include \"b.h\"\n",
        )
        .unwrap();
        fs_err::write(directory.join("b.h"), "int b;\n").unwrap();
        let made = Command::new(clang)
            .args(["-x", "c-header", "a.h", "-o", "a.pch"])
            .args(more)
            .current_dir(directory)
            .status()
            .ok()?;
        assert!(made.success(), "{clang}");
        Some(fs_err::read(directory.join("a.pch")).unwrap())
    }

    fn names(contents: &Contents) -> Vec<PathBuf> {
        contents
            .files
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }

    #[test]
    fn what_the_installed_compilers_write() {
        for clang in ["clang-14", "clang-19"] {
            let directory = tempfile::tempdir().unwrap();
            let here = directory.path().canonicalize().unwrap();
            let Some(bytes) = precompiled(&here, clang, &[]) else {
                continue;
            };
            let contents = read(&bytes).unwrap();
            assert!(contents.holds_times());
            for name in ["a.h", "b.h"] {
                assert!(names(&contents).contains(&here.join(name)), "{clang}");
            }
            assert!(names(&contents).iter().any(|f| f.ends_with("stddef.h")));
            let timeless = ["-Xclang", "-fno-pch-timestamp"];
            let bytes = precompiled(&here, clang, &timeless).unwrap();
            let without = read(&bytes).unwrap();
            assert_eq!(names(&without), names(&contents));
            assert!(!without.holds_times());
            fs_err::rename(here.join("a.pch"), here.join("first.pch")).unwrap();
            let chained = precompiled(&here, clang, &["-include-pch", "first.pch"]).unwrap();
            assert_eq!(read(&chained), None, "{clang}");
        }
    }

    #[test]
    fn anything_else_is_none_and_no_failure() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"CPCH"), None);
        let mut bytes = MAGIC.to_vec();
        let mut state = 1u32;
        for _ in 0..400 {
            bytes.clear();
            bytes.extend_from_slice(MAGIC);
            for _ in 0..200 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes.push((state >> 24) as u8);
            }
            let _ = read(&bytes);
        }
        let directory = tempfile::tempdir().unwrap();
        let Some(whole) = precompiled(directory.path(), "clang-14", &[]) else {
            return;
        };
        // The control block comes first.
        let mut flipped = whole[..16_000.min(whole.len())].to_vec();
        for at in (0..flipped.len()).step_by(7) {
            let _ = read(&whole[..at]);
            flipped[at] ^= 1 << (at % 8);
            let _ = read(&flipped);
            flipped[at] = whole[at];
        }
    }
}
