//! Whether bytes look as if deflate could not make them smaller: random, encrypted, or compressed already.
//!
//! Deflate gains from bytes that are more frequent than others, and from strings that come again within 32 KiB. Both
//! are looked for in a twentieth of the time that compressing takes, and a block is noise where neither is found.

/// Bytes less than these are compressed in any case.
const LEAST_BYTES: usize = 4096;
/// How much more often two bytes are equal than in noise, in thousandths. At this much Huffman codes gain 0.2 %.
const MOST_SKEW: u64 = 20;
/// The same of the first bytes of a block, which tell text at once; so few are less even by chance.
const MOST_SKEW_OF_FIRST: u64 = 500;
const FIRST_BYTES: usize = 4096;
/// How far back deflate looks.
const WINDOW_BYTES: usize = 32 * 1024;
/// Strings of this length are looked for.
const STRING_BYTES: usize = 8;
/// Those that begin with one of these bytes, one in 85 where all are equally frequent: a string that comes again is
/// looked at again.
const BEGINNINGS: [u8; 3] = [0x27, 0x8d, 0xe3];
/// Where strings come again in more than one of so many of these places, the block is compressed.
const REPEATED: usize = 256;
const TABLE_BITS: u32 = 11;
/// Knuth's multiplicative hash: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Tells whether a block is better stored than compressed.
pub(super) fn is_noise(block: &[u8]) -> bool {
    block.len() >= LEAST_BYTES
        && block.get(..FIRST_BYTES).is_some_and(|first| is_even(first, MOST_SKEW_OF_FIRST))
        && is_even(block, MOST_SKEW)
        && !repeats(block)
}

/// Whether all bytes are about equally frequent.
fn is_even(block: &[u8], most_skew: u64) -> bool {
    // Several counters for a byte: neighbours that are equal need not wait for each other.
    let [mut first, mut second, mut third, mut fourth] = [[0_u32; 256]; 4];
    let (fours, _) = block.as_chunks::<4>();
    for [a, b, c, d] in fours {
        first[usize::from(*a)] += 1;
        second[usize::from(*b)] += 1;
        third[usize::from(*c)] += 1;
        fourth[usize::from(*d)] += 1;
    }
    let counts = first.iter().zip(&second).zip(third.iter().zip(&fourth));
    let equal_pairs: u64 = counts.map(|((a, b), (c, d))| u64::from(a + b + c + d).pow(2)).sum();
    let total = fours.len() as u64 * 4;
    // Of noise it is 1 and a little: the probability that two bytes are equal, times 256.
    u128::from(equal_pairs) * 256 * 1000 < u128::from(total).pow(2) * u128::from(1000 + most_skew)
}

/// Whether strings come again within the window. Bytes are about equally frequent.
fn repeats(block: &[u8]) -> bool {
    let mut places = vec![(0_u64, usize::MAX); 1 << TABLE_BITS];
    let (mut looked_at, mut repeated) = (0_usize, 0_usize);
    let [one, two, three] = BEGINNINGS;
    for place in memchr::memchr3_iter(one, two, three, block) {
        let Some(string) = block.get(place..).and_then(<[u8]>::first_chunk::<STRING_BYTES>) else { break };
        let string = u64::from_le_bytes(*string);
        let slot = usize::try_from(string.wrapping_mul(MULTIPLIER) >> (u64::BITS - TABLE_BITS)).unwrap_or(0);
        looked_at += 1;
        let (known, last) = places[slot];
        repeated += usize::from(known == string && last < place && place - last < WINDOW_BYTES);
        places[slot] = (string, place);
    }
    repeated * REPEATED > looked_at
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
