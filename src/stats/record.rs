//! The journal's record.
//!
//! Little endian; one record per call, written by one `write`:
//! ```text
//!  offset  size
//!       0     4  magic: C5 'c' 'j' and the version, 01
//!       4     2  length of the whole record
//!       6     8  XXH3-64 of everything from offset 14 on
//!      14     8  time, milliseconds since 1970-01-01T00:00Z
//!      22     8  time that our call took, microseconds
//!      30     8  time that the compiler takes for it, microseconds (0: not known)
//!      38     8  bytes read from or written to the cache
//!      46     2  number of the main counter
//!      48     1  n, number of further counters
//!      49     1  l, length of the namespace
//!      50     1  d, length of the detail
//!      51    2n  numbers of further counters
//!             l  namespace
//!             d  detail, UTF-8
//! ```
//! A reader that finds anything else goes on at the next magic: records torn
//! by a full disk or a crash cost themselves and nothing more.

use xxhash_rust::xxh3::xxh3_64;

use super::Counter;

const MAGIC: [u8; 4] = [0xC5, b'c', b'j', 1];
const CHECKED: usize = 14;
const HEAD: usize = 51;

/// The longest detail that is kept, in bytes.
pub const LONGEST_DETAIL: usize = 200;

/// What one call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What the call was; its group [is a call](super::Group::is_call).
    pub main: Counter,
    /// What else to count: details.
    pub further: Vec<Counter>,
    /// The configured namespace, empty for none.
    pub namespace: String,
    /// What decided it, for people (`-fmodules`): short, and the same text for
    /// the same cause, since equal details are counted together. Cut after
    /// [`LONGEST_DETAIL`] bytes.
    pub detail: String,
    /// How long the call took, in microseconds.
    pub elapsed_us: u64,
    /// How long the compiler takes: measured on a miss, remembered with the
    /// result on a hit. Microseconds; 0 if not known.
    pub compile_us: u64,
    /// Bytes read from (hit) or written to (miss) the cache.
    pub bytes: u64,
}

impl Event {
    /// An event with nothing but its main counter.
    pub fn new(main: Counter) -> Event {
        Event {
            main,
            further: Vec::new(),
            namespace: String::new(),
            detail: String::new(),
            elapsed_us: 0,
            compile_us: 0,
            bytes: 0,
        }
    }
}

/// A record as it is in a journal. Counters are numbers: a later version's
/// must survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub time_ms: u64,
    pub elapsed_us: u64,
    pub compile_us: u64,
    pub bytes: u64,
    pub main: u16,
    pub further: Vec<u16>,
    pub namespace: &'a [u8],
    pub detail: &'a [u8],
}

/// The bytes of `event`, dated `time_ms`.
pub(super) fn encode(event: &Event, time_ms: u64) -> Vec<u8> {
    let further = event.further.get(..255).unwrap_or(&event.further);
    let namespace = cut(&event.namespace, 255);
    let detail = cut(&event.detail, LONGEST_DETAIL);
    let length = HEAD + 2 * further.len() + namespace.len() + detail.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(MAGIC);
    // At most 51 + 510 + 255 + 200.
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend([0; 8]);
    for number in [time_ms, event.elapsed_us, event.compile_us, event.bytes] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(event.main.id().to_le_bytes());
    bytes.extend([
        further.len() as u8,
        namespace.len() as u8,
        detail.len() as u8,
    ]);
    for counter in further {
        bytes.extend(counter.id().to_le_bytes());
    }
    bytes.extend(namespace.as_bytes());
    bytes.extend(detail.as_bytes());
    let checksum = xxh3_64(&bytes[CHECKED..]);
    bytes[6..CHECKED].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The beginning of `text`, at most `longest` bytes, whole characters.
fn cut(text: &str, longest: usize) -> &str {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The records in `bytes`, in order, each with the offset after it.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = (usize, Record<'_>)> {
    let finder = memchr::memmem::Finder::new(&MAGIC).into_owned();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(at..)?;
            let start = at + finder.find(rest)?;
            match decode(bytes.get(start..)?) {
                Some((length, record)) => {
                    at = start + length;
                    return Some((at, record));
                }
                None => at = start + 1,
            }
        }
    })
}

/// The record that `bytes` begins with, and its length.
fn decode(bytes: &[u8]) -> Option<(usize, Record<'_>)> {
    let length = usize::from(u16::from_le_bytes(array(bytes, 4)?));
    let bytes = bytes.get(..length)?;
    let number = |offset| Some(u64::from_le_bytes(array(bytes, offset)?));
    if number(6)? != xxh3_64(bytes.get(CHECKED..)?) {
        return None;
    }
    let [n, l, d] = array(bytes, 48)?;
    let (further, rest) = bytes.get(HEAD..)?.split_at_checked(2 * usize::from(n))?;
    let (namespace, rest) = rest.split_at_checked(usize::from(l))?;
    let (detail, rest) = rest.split_at_checked(usize::from(d))?;
    if !rest.is_empty() {
        return None;
    }
    let further = further.chunks_exact(2);
    let record = Record {
        time_ms: number(14)?,
        elapsed_us: number(22)?,
        compile_us: number(30)?,
        bytes: number(38)?,
        main: u16::from_le_bytes(array(bytes, 46)?),
        further: further
            .map(|id| u16::from_le_bytes([id[0], id[1]]))
            .collect(),
        namespace,
        detail,
    };
    Some((length, record))
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            further: vec![Counter::DirectCacheMiss, Counter::LocalStorageWrite],
            namespace: "ns".into(),
            detail: "-fmodules".into(),
            elapsed_us: 1000,
            compile_us: 70_000,
            bytes: 4096,
            ..Event::new(Counter::CacheMiss)
        }
    }

    #[test]
    fn bytes_are_pinned() {
        let bytes = encode(&event(), 1_700_000_000_000);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let pinned = concat!(
            "c5636a01",
            "4200",
            "CHECKSUM",
            "0068e5cf8b010000",
            "e803000000000000",
            "7011010000000000",
            "0010000000000000",
            "0a00",
            "02",
            "02",
            "09",
            "64006700",
            "6e73",
            "2d666d6f64756c6573",
        );
        let checksum = &hex[12..28];
        assert_eq!(hex.replacen(checksum, "CHECKSUM", 1), pinned);
        assert_eq!(checksum, "f363e57613265d94");
        let mut found = records(&bytes);
        let (end, record) = found.next().unwrap();
        assert_eq!(end, bytes.len());
        assert_eq!(record.time_ms, 1_700_000_000_000);
        assert_eq!(record.main, 10);
        assert_eq!(record.further, [100, 103]);
        assert_eq!(
            (record.elapsed_us, record.compile_us, record.bytes),
            (1000, 70_000, 4096)
        );
        assert_eq!(
            (record.namespace, record.detail),
            (&b"ns"[..], &b"-fmodules"[..])
        );
        assert_eq!(found.next(), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = Event {
            namespace: "n".repeat(300),
            detail: "ä".repeat(150),
            further: vec![Counter::StoreError; 300],
            ..event()
        };
        let bytes = encode(&long, 1);
        let (_, record) = records(&bytes).next().unwrap();
        assert_eq!(record.namespace.len(), 255);
        assert_eq!(record.detail, "ä".repeat(100).as_bytes());
        assert_eq!(record.further.len(), 255);
    }

    #[test]
    fn torn_records_and_garbage_cost_only_themselves() {
        let one = encode(&event(), 1);
        for cut in 0..one.len() {
            let mut bytes = one.clone();
            bytes.extend(&one[..cut]);
            bytes.extend(&one);
            bytes.extend([0xC5, b'c', b'j']);
            assert_eq!(records(&bytes).count(), 2, "cut at {cut}");
        }
        for flipped in 0..one.len() {
            let mut bytes = one.clone();
            bytes[flipped] ^= 0x10;
            bytes.extend(&one);
            assert_eq!(records(&bytes).count(), 1, "flipped at {flipped}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_panic(mut bytes: Vec<u8>, at: usize) {
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes.splice(at..at, MAGIC);
            }
            let _ = records(&bytes).count();
        }
    }
}
