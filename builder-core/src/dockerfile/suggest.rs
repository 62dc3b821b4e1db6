//! "Did you mean": the nearest of a few known words.

/// The edit distance at which two words stop being alike; BuildKit's bound.
const DISTANCE_LIMIT: usize = 3;
/// Words longer than this many bytes get no suggestion: no known word is that long.
const LENGTH_LIMIT: usize = 64;

/// Returns the option nearest to a word, case ignored, where one is near enough to be meant.
///
/// Of two options at the same distance the one that swapped letters lead to wins, then the first.
pub fn closest<'o>(word: &str, options: impl IntoIterator<Item = &'o str>) -> Option<&'o str> {
    if word.is_empty() || word.len() > LENGTH_LIMIT {
        return None;
    }
    let word = word.to_lowercase();
    options
        .into_iter()
        .filter_map(|option| {
            let known = option.to_lowercase();
            let distance = strsim::levenshtein(&word, &known);
            // Everything is near to a word of two letters; at least one letter must stay.
            let near = distance < DISTANCE_LIMIT && distance < known.chars().count().max(word.chars().count());
            near.then(|| (distance, strsim::damerau_levenshtein(&word, &known), option))
        })
        .min_by_key(|(distance, swaps, _)| (*distance, *swaps))
        .map(|(_, _, option)| option)
}

/// Returns the help text that offers a word.
pub(super) fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_far_ones_are_not() {
        let known = ["ADD", "ENV", "RUN", "WORKDIR"];
        for (word, expected) in [
            ("RNU", Some("RUN")),
            ("wrkdir", Some("WORKDIR")),
            ("WORKDIRECTORY", None),
            ("", None),
            ("EMV", Some("ENV")),
            ("xyz", None),
        ] {
            assert_eq!(closest(word, known), expected, "{word}");
        }
        assert_eq!(closest(&"R".repeat(100), known), None);
    }
}
