//! What `-march=native` sees.

/// Bytes that differ where `-march=native` may choose differently: the
/// processor's `cpuid` answers (vendor, family, features, cache geometry) on
/// x86, nothing elsewhere (`None`: do not cache what depends on it).
#[cfg(target_arch = "x86_64")]
pub fn identity() -> Option<Vec<u8>> {
    use std::arch::x86_64::__cpuid_count;

    let mut bytes = Vec::new();
    let mut leaf = |leaf: u32, subleaf: u32, mask: [u32; 4]| {
        let answer = __cpuid_count(leaf, subleaf);
        let words = [answer.eax, answer.ebx, answer.ecx, answer.edx];
        for (word, mask) in words.iter().zip(mask) {
            bytes.extend_from_slice(&(word & mask).to_le_bytes());
        }
    };
    let all = [u32::MAX; 4];
    leaf(0, 0, all);
    // Leaf 1 EBX holds the id of the core that answers: it differs from call to call.
    leaf(1, 0, [u32::MAX, 0x0000_ff00, u32::MAX, u32::MAX]);
    leaf(2, 0, all);
    for subleaf in 0..4 {
        leaf(4, subleaf, [0x3fff, u32::MAX, u32::MAX, u32::MAX]);
    }
    leaf(7, 0, all);
    leaf(7, 1, all);
    leaf(0xd, 1, [u32::MAX, 0, 0, 0]);
    leaf(0x14, 0, all);
    leaf(0x19, 0, all);
    leaf(0x8000_0001, 0, [u32::MAX, 0, u32::MAX, u32::MAX]);
    leaf(0x8000_0005, 0, all);
    leaf(0x8000_0006, 0, all);
    leaf(0x8000_0008, 0, [0, u32::MAX, 0, 0]);
    Some(bytes)
}

/// See above.
#[cfg(not(target_arch = "x86_64"))]
pub fn identity() -> Option<Vec<u8>> {
    None
}
