//! "Did you mean …?": the known word that a mistyped one resembles most.

use strsim::damerau_levenshtein;

/// The candidate nearest to `word`, when it is near enough to have been meant: one slip in every three characters, at least one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let slips = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        // A candidate of which every character differs shares nothing with the word.
        .filter(|&(distance, candidate)| distance <= slips && distance < candidate.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_strangers_are_not() {
        let known = ["temperature", "top_k", "top_p", "메추리", "greeting"];
        for (word, meant) in [
            ("temprature", Some("temperature")),
            ("Greeting", Some("greeting")),
            ("greetign", Some("greeting")),
            ("top-k", Some("top_k")),
            ("메추라", Some("메추리")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
