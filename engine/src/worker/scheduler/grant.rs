//! How much of each prompt the next step reads. Whose prompts they are, and in which order they are served, the scheduler says.

/// What is left to read of a prompt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) tokens: usize,
    /// Whether it may wait for all others.
    pub(super) background: bool,
}

/// So many tokens of each prompt are read, in a step that has room for `room`; `left` stands in the order in which prompts are served. Half of
/// the room is for the shortest that are not of the background, the rest goes in order, until half a step is read and one prompt is whole.
pub(super) fn grant(left: &[Left], room: usize) -> Vec<usize> {
    let mut granted = vec![0; left.len()];
    // What is short need not wait until all that came before is read, as long as that gets half of the step.
    let mut ahead = room / 2;
    let mut shortest: Vec<usize> = (0..left.len())
        .filter(|place| !left[*place].background)
        .collect();
    shortest.sort_by_key(|place| left[*place].tokens);
    for place in shortest {
        granted[place] = left[place].tokens.min(ahead);
        ahead -= granted[place];
    }
    // Half a step's worth: of eight who write at the same moment half then wait a quarter less for their first word, and the last 5 % longer
    // (`simulation`); ending each step with the first whole prompt made twice as many steps, and the median worse again.
    let enough = room / 2;
    let mut room = room - granted.iter().sum::<usize>();
    let mut read = 0;
    for (granted, left) in granted.iter_mut().zip(left) {
        let more = room.min(left.tokens - *granted);
        *granted += more;
        room -= more;
        read += *granted;
        // Whoever's prompt is whole need not wait for the others' to be read.
        if *granted == left.tokens && read >= enough {
            break;
        }
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(what: &str, left: &[Left], room: usize, expected: &[usize]) {
        let granted = grant(left, room);
        assert_eq!(granted, expected, "{what}: {left:?} in {room}");
        assert!(granted.iter().sum::<usize>() <= room, "{what}");
    }

    #[test]
    fn what_is_short_is_whole_soon_and_what_is_long_goes_on() {
        let asked = |tokens| Left {
            tokens,
            background: false,
        };
        let background = |tokens| Left {
            tokens,
            background: true,
        };
        let cases: [(&str, Vec<Left>, usize, &[usize]); 14] = [
            ("nobody asks", vec![], 100, &[]),
            ("one that fits", vec![asked(10)], 100, &[10]),
            ("one that is too long", vec![asked(300)], 100, &[100]),
            (
                "a short one behind a long one",
                vec![asked(300), asked(20)],
                100,
                &[80, 20],
            ),
            (
                "more short ones than half of the room holds",
                vec![asked(300), asked(20), asked(20), asked(20)],
                100,
                &[50, 20, 20, 10],
            ),
            (
                "of equally short ones the first",
                vec![asked(300), asked(60), asked(60)],
                100,
                &[50, 50, 0],
            ),
            (
                "one is whole, and half a step is read",
                vec![asked(60), asked(70)],
                100,
                &[60, 0],
            ),
            (
                "one is whole, but half a step is not read",
                vec![asked(40), asked(40), asked(40)],
                100,
                &[40, 40, 0],
            ),
            (
                "half a step is read exactly when one is whole",
                vec![asked(50), asked(90)],
                100,
                &[50, 0],
            ),
            (
                "nothing but the background",
                vec![background(300), background(20)],
                100,
                &[100, 0],
            ),
            (
                "the background gets nothing for being short",
                vec![asked(300), background(20)],
                100,
                &[100, 0],
            ),
            (
                "the background gets what others leave",
                vec![asked(20), background(300)],
                100,
                &[20, 80],
            ),
            ("no room", vec![asked(5), asked(7)], 0, &[0, 0]),
            ("room for one token", vec![asked(5), asked(3)], 1, &[1, 0]),
        ];
        for (what, left, room, expected) in cases {
            check(what, &left, room, expected);
        }
    }
}
