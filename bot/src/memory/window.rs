//! How many of the oldest turns leave the window when it has grown too large. Pure arithmetic on token counts.

/// When the window is moved, and how far. In tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// More than this, and the window is moved.
    pub(super) high: u32,
    /// What stays is at most this, if one turn alone is not more.
    pub(super) low: u32,
}

/// How many of `turns` (tokens of each, oldest first) are to leave: whole turns only, and never the newest one.
///
/// A reference in common use drops single messages, so that a window may begin with a reply to nothing, and everything when the newest message
/// alone is too long (langchain's `ConversationSummaryBufferMemory`; tests/oracle.rs compares).
pub(super) fn leaving(turns: &[u32], marks: Marks) -> usize {
    let mut total: u64 = turns.iter().copied().map(u64::from).sum();
    if total <= u64::from(marks.high) {
        return 0;
    }
    let mut leaving = 0;
    while total > u64::from(marks.low) && leaving + 1 < turns.len() {
        total -= u64::from(turns[leaving]);
        leaving += 1;
    }
    leaving
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_leaves_below_the_high_mark() {
        let marks = Marks { high: 80, low: 50 };
        for (turns, expected) in [
            (vec![], 0),
            (vec![80], 0),
            (vec![200], 0),
            (vec![40, 40], 0),
            (vec![40, 41], 1),
            (vec![10; 9], 4),
            (vec![10, 200], 1),
            (vec![200, 10], 1),
        ] {
            assert_eq!(leaving(&turns, marks), expected, "{turns:?}");
        }
    }

    proptest! {
        #[test]
        fn what_stays_is_small_or_a_single_turn(turns in prop::collection::vec(0_u32..100, 0..30), high in 0_u32..500, low in 0_u32..500) {
            let left = leaving(&turns, Marks { high, low });
            let stays: u32 = turns[left..].iter().sum();
            prop_assert!(stays <= low.max(high) || turns.len() - left == 1);
            // Not one turn more than needed.
            prop_assert!(left == 0 || turns[left - 1..].iter().sum::<u32>() > low);
        }
    }
}
