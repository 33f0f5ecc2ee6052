//! Commands as the bot's own Korean sentences name them where an app brings it only commands in Latin letters.

use chatfriends_personas::Language;

use super::COMMANDS;
use crate::identity::{PlaceKind, Rank};

/// The same text with every Korean command, and the action behind it, by its English name. What else follows may stay as it is.
#[must_use]
pub fn in_latin(text: &str) -> String {
    let text = with_usages(text);
    let mut written = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('/') {
        let is_within_a_word = before.ends_with(char::is_alphanumeric);
        written.push_str(before);
        written.push('/');
        rest = after;
        let typed = first_word(after);
        let command = COMMANDS.iter().find(|command| command.name[1] == typed);
        let Some(command) = command.filter(|_| !is_within_a_word) else {
            continue;
        };
        written.push_str(command.name[0]);
        rest = rest.strip_prefix(typed).expect("it is its first word");
        let Some(behind) = rest.strip_prefix(' ') else {
            continue;
        };
        let typed = first_word(behind);
        let mut actions = command.actions.iter();
        let named = actions.find(|action| action.name[1] == typed && !typed.is_empty());
        if let Some(action) = named {
            written.push(' ');
            written.push_str(action.name[0]);
            rest = behind.strip_prefix(typed).expect("it is its first word");
        }
    }
    written + rest
}

/// Lists of all that a command can do are written anew, since every word in them is typed.
fn with_usages(text: &str) -> String {
    let mut text = text.to_owned();
    for command in COMMANDS {
        for place in PlaceKind::ALL {
            for rank in [Rank::ManagesAll, Rank::ManagesChannel, Rank::Member] {
                let [english, korean] = [Language::English, Language::Korean]
                    .map(|language| command.usage(language, rank, place));
                if command.actions.len() > 1 {
                    text = text.replace(&korean, &english);
                }
            }
        }
    }
    text
}

fn first_word(text: &str) -> &str {
    text.split(|letter: char| !letter.is_alphanumeric())
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::Sentence;

    #[test]
    fn commands_are_named_in_latin_letters() {
        for (korean, latin) in [
            (
                "‘/기억 삭제 2’는 한 줄을 지워요.",
                "‘/memory forget 2’는 한 줄을 지워요.",
            ),
            (
                "‘/기억’에서 보거나 ‘/페르소나 목록’에서",
                "‘/memory’에서 보거나 ‘/persona list’에서",
            ),
            ("/도움말 – 이 안내", "/help – 이 안내"),
            // What only looks like one stays.
            (
                "그리고/기억, /기억력, ‘/’, /취소",
                "그리고/기억, /기억력, ‘/’, /취소",
            ),
            ("/memory forget 2", "/memory forget 2"),
        ] {
            assert_eq!(in_latin(korean), latin);
        }
    }

    #[test]
    fn everything_that_can_be_typed_of_a_command_is() {
        for command in COMMANDS {
            let ranks = [Rank::Member, Rank::ManagesChannel, Rank::ManagesAll];
            let all = ranks.map(|rank| PlaceKind::ALL.map(|place| (rank, place)));
            for (rank, place) in all.concat() {
                let usage = command.usage(Language::Korean, rank, place);
                let sentence = Sentence::Usage { usage }.say(Language::Korean);
                let usage = command.usage(Language::English, rank, place);
                assert_eq!(
                    in_latin(&sentence),
                    Sentence::Usage { usage }.say(Language::Korean)
                );
            }
        }
    }
}
