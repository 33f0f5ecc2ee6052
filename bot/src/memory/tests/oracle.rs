//! Our eviction against recorded states of langchain's ConversationSummaryBufferMemory (testdata/record.py): what it keeps, rounded to whole turns.

use serde::Deserialize;

use super::super::window::{Marks, leaving};

#[derive(Deserialize)]
struct Recorded {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    limit: u32,
    turns: Vec<(String, String)>,
    states: Vec<State>,
}

#[derive(Deserialize)]
struct State {
    kept: Vec<String>,
    calls: usize,
}

/// As the reference counts: words, and one for the speaker of each message.
fn tokens((person, reply): &(String, String)) -> u32 {
    (person.split_whitespace().count() + reply.split_whitespace().count() + 2) as u32
}

#[test]
fn keeps_what_the_reference_keeps_rounded_to_whole_turns() {
    let recorded: Recorded =
        serde_json::from_str(include_str!("../testdata/langchain.json")).unwrap();
    let (mut states, mut split, mut emptied) = (0, 0, 0);
    for Case {
        limit,
        turns,
        states: expected,
    } in &recorded.cases
    {
        let (mut window, mut calls): (Vec<&(String, String)>, usize) = (Vec::new(), 0);
        let some_turn_is_too_long = turns.iter().any(|turn| tokens(turn) > *limit);
        for (turn, state) in turns.iter().zip(expected) {
            window.push(turn);
            let sizes: Vec<u32> = window.iter().map(|turn| tokens(turn)).collect();
            let gone = leaving(
                &sizes,
                Marks {
                    high: *limit,
                    low: *limit,
                },
            );
            window.drain(..gone);
            calls += usize::from(gone > 0);

            // B2: half a turn, a reply to nothing, is not kept. B3: the newest turn is, however long.
            let whole = &state.kept[state.kept.len() % 2..];
            let ours: Vec<String> = window
                .iter()
                .flat_map(|(person, reply)| [format!("human: {person}"), format!("ai: {reply}")])
                .collect();
            let newest = ours[ours.len() - 2..].to_vec();
            assert_eq!(
                ours,
                if whole.is_empty() {
                    newest
                } else {
                    whole.to_vec()
                },
                "limit {limit}, {turns:?}"
            );
            // A turn that is kept although it is too long must leave later, which may cost a call the reference had no need for.
            assert!(calls <= state.calls || some_turn_is_too_long);
            states += 1;
            split += state.kept.len() % 2;
            emptied += usize::from(whole.is_empty());
        }
    }
    // The recording holds what it is for.
    assert!(
        states > 900 && split > 100 && emptied > 100,
        "{states} states, {split} split turns, {emptied} emptied windows"
    );
}
