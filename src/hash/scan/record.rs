//! How a scan is written down.
//!
//! ```text
//! scan   = flags:u32 pieces:[u64; 2] lookups:u32 lookup* macros:u32 name* macros:u32 name*
//! lookup = style:u8 asked:u8 name
//! name   = length:u32 byte*
//! ```

use super::clock::Pieces;
use super::found::{Asked, Lookup, Scan, Style};
use crate::sys::codec::{Reader, Writer};

/// Appends `scan`.
pub fn encode(scan: &Scan, out: &mut Writer) {
    // Without `..`: a new field has to be written down too.
    let Scan {
        lookups,
        computed,
        existence_macros,
        computed_existence,
        time,
        date,
        timestamp,
        clock_pieces,
        assembler_file,
        opaque_assembler,
        opaque_macros,
        computed_embed,
        system_header,
        once,
        imports,
        offload,
        obscure,
        precompiled,
        renumbers,
        escape,
    } = scan;
    let flags = [
        computed,
        computed_existence,
        time,
        date,
        timestamp,
        assembler_file,
        opaque_assembler,
        computed_embed,
        system_header,
        once,
        imports,
        offload,
        obscure,
        precompiled,
        renumbers,
        escape,
    ];
    let bits = flags.iter().rev();
    out.u32(bits.fold(0, |bits, flag| bits << 1 | u32::from(**flag)));
    let pieces = clock_pieces.bits();
    out.u64(pieces as u64);
    out.u64((pieces >> 64) as u64);
    out.u32(lookups.len() as u32);
    for lookup in lookups {
        out.u8(lookup.style as u8);
        out.u8(lookup.asked as u8);
        name(&lookup.name, out);
    }
    for macros in [existence_macros, opaque_macros] {
        out.u32(macros.len() as u32);
        for text in macros {
            name(text, out);
        }
    }
}

fn name(text: &[u8], out: &mut Writer) {
    out.u32(text.len() as u32);
    out.raw(text);
}

/// The next scan. `None`: there is none.
pub fn decode(reader: &mut Reader<'_>) -> Option<Scan> {
    let mut bits = reader.u32()?;
    let mut flag = || {
        let flag = bits & 1 != 0;
        bits >>= 1;
        flag
    };
    // In the order in which they are written.
    let mut scan = Scan {
        computed: flag(),
        computed_existence: flag(),
        time: flag(),
        date: flag(),
        timestamp: flag(),
        assembler_file: flag(),
        opaque_assembler: flag(),
        computed_embed: flag(),
        system_header: flag(),
        once: flag(),
        imports: flag(),
        offload: flag(),
        obscure: flag(),
        precompiled: flag(),
        renumbers: flag(),
        escape: flag(),
        clock_pieces: Pieces::default(),
        lookups: Vec::new(),
        existence_macros: Vec::new(),
        opaque_macros: Vec::new(),
    };
    let (low, high) = (reader.u64()?, reader.u64()?);
    scan.clock_pieces = Pieces::from_bits(u128::from(high) << 64 | u128::from(low));
    for _ in 0..reader.u32()? {
        scan.lookups.push(Lookup {
            style: style(reader.u8()?)?,
            asked: asked(reader.u8()?)?,
            name: text(reader)?,
        });
    }
    for macros in [&mut scan.existence_macros, &mut scan.opaque_macros] {
        for _ in 0..reader.u32()? {
            macros.push(text(reader)?);
        }
    }
    (bits == 0).then_some(scan)
}

fn text(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let length = reader.u32()? as usize;
    reader.take(length).map(<[u8]>::to_owned)
}

fn style(byte: u8) -> Option<Style> {
    [Style::Quote, Style::Angle]
        .into_iter()
        .find(|style| *style as u8 == byte)
}

fn asked(byte: u8) -> Option<Asked> {
    [
        Asked::Include,
        Asked::Next,
        Asked::Exists,
        Asked::Macro,
        Asked::Embed,
        Asked::HasEmbed,
        Asked::ExistsAnywhere,
    ]
    .into_iter()
    .find(|asked| *asked as u8 == byte)
}
