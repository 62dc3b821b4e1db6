//! Whether bytes look as if deflate could not make them smaller: random, encrypted, or compressed already.
//!
//! Deflate gains from bytes that are more frequent than others, and from strings that come again within 32 KiB. Both
//! are looked for in a twentieth of the time that compressing takes, and a block is noise where neither is found.

/// Bytes less than these are compressed in any case.
const LEAST_BYTES: usize = 4096;
/// How much more often two bytes are equal than in noise, in thousandths. At this much Huffman codes gain 0.2 %.
const MOST_SKEW: u64 = 20;
/// How far back deflate looks.
const WINDOW_BYTES: usize = 32 * 1024;
/// Strings of this length are looked for.
const STRING_BYTES: usize = 8;
/// One string in so many is remembered and looked for, chosen by what it says, so that a string that comes again is
/// chosen again.
const ONE_IN: usize = 16;
/// Where strings come again in more than one of so many chosen places, the block is compressed.
const REPEATED: usize = 256;
const TABLE_BITS: u32 = 12;
/// Knuth's multiplicative hash: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Tells whether a block is better stored than compressed.
pub(super) fn is_noise(block: &[u8]) -> bool {
    block.len() >= LEAST_BYTES && is_even(block) && !repeats(block)
}

/// Whether all bytes are about equally frequent.
fn is_even(block: &[u8]) -> bool {
    // Several counters for a byte: neighbours that are equal need not wait for each other.
    let mut counts = [[0_u32; 256]; 4];
    for four in block.chunks_exact(4) {
        for (counts, byte) in counts.iter_mut().zip(four) {
            if let Some(count) = counts.get_mut(usize::from(*byte)) {
                *count += 1;
            }
        }
    }
    let total = block.len() as u64 / 4 * 4;
    let of_byte = |byte: usize| counts.iter().filter_map(|counts| counts.get(byte)).map(|n| u64::from(*n)).sum::<u64>();
    let equal_pairs: u64 = (0..256).map(|byte| of_byte(byte).pow(2)).sum();
    // Of noise it is 1 and a little: the probability that two bytes are equal, times 256.
    u128::from(equal_pairs) * 256 * 1000 < u128::from(total).pow(2) * u128::from(1000 + MOST_SKEW)
}

/// Whether strings come again within the window.
fn repeats(block: &[u8]) -> bool {
    let mut places = vec![(0_u64, usize::MAX); 1 << TABLE_BITS];
    let (mut chosen, mut repeated) = (0_usize, 0_usize);
    for (place, string) in block.windows(STRING_BYTES).enumerate() {
        let Ok(bytes) = string.try_into() else { break };
        let string = u64::from_le_bytes(bytes);
        let hash = string.wrapping_mul(MULTIPLIER);
        if (hash >> 32) % ONE_IN as u64 != 0 {
            continue;
        }
        chosen += 1;
        let slot = usize::try_from(hash >> (u64::BITS - TABLE_BITS)).unwrap_or(0);
        let Some(known) = places.get_mut(slot) else { break };
        repeated +=
            usize::from(known.0 == string && place.saturating_sub(known.1) < WINDOW_BYTES && known.1 != usize::MAX);
        *known = (string, place);
    }
    // No string was chosen of many: there are only few different ones.
    chosen < block.len() / (8 * ONE_IN) || repeated * REPEATED > chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 88_172_645_463_325_252_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[4]
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn noise_and_what_is_compressed_are_told_from_the_rest() {
        let random = noise(512 * 1024);
        assert!(is_noise(&random));
        let product = |two: &[u8]| format!("{} times ", u32::from(two[0]) * u32::from(two[1])).into_bytes();
        let words: Vec<u8> = noise(1 << 20).chunks(2).flat_map(product).collect();
        assert!(!is_noise(&words));
        let mut deflated = vec![0; words.len()];
        let length = libdeflater::Compressor::default().gzip_compress(&words, &mut deflated).unwrap();
        assert!(is_noise(&deflated[..length.min(512 * 1024)]), "{length}");
    }

    #[test]
    fn even_bytes_that_come_again_are_no_noise() {
        for period in [256, 1000, 10_000, 30_000] {
            let block: Vec<u8> = noise(period).into_iter().cycle().take(512 * 1024).collect();
            assert!(!is_noise(&block), "{period}");
        }
        let counting: Vec<u8> = (0..512 * 1024_usize).map(|n| n.to_le_bytes()[0]).collect();
        assert!(!is_noise(&counting));
        // Deflate does not look back so far.
        let far: Vec<u8> = noise(200_000).into_iter().cycle().take(512 * 1024).collect();
        assert!(is_noise(&far));
    }

    #[test]
    fn base64_zeros_and_little_are_compressed() {
        let base64: Vec<u8> = noise(512 * 1024).into_iter().map(|byte| b'0' + byte % 64).collect();
        assert!(!is_noise(&base64));
        assert!(!is_noise(&vec![0; 512 * 1024]));
        assert!(!is_noise(&noise(100)));
        assert!(!is_noise(&[]));
    }

    #[test]
    fn a_tenth_of_text_among_noise_is_worth_it() {
        let mut block = noise(512 * 1024);
        for place in (0..block.len()).step_by(10_240) {
            block[place..place + 1024]
                .copy_from_slice(&b"some text that is here in every part of it".repeat(25)[..1024]);
        }
        assert!(!is_noise(&block));
    }
}
