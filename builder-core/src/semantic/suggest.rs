//! "Did you mean": the nearest of a set of names.

/// Words further apart than this many edits are no suggestion.
const MAX_DISTANCE: usize = 2;

/// Returns the candidate nearest to a word, letter case aside, where one is near; among equals the first.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty())
        .map(|candidate| (strsim::levenshtein(&word, &candidate.to_lowercase()), candidate))
        // A name of which nothing would stay is not near.
        .filter(|(distance, candidate)| *distance <= MAX_DISTANCE && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["build", "runtime", "ab"];
        assert_eq!(nearest("biuld", names), Some("build"));
        assert_eq!(nearest("RUNTIM", names), Some("runtime"));
        assert_eq!(nearest("test", names), None);
        assert_eq!(nearest("xy", names), None);
    }
}
