//! A command as it was given, and reading one that was typed.

use chatfriends_personas::nearest;
use serde::{Deserialize, Serialize};

use super::{Action, Argument, Command, EVERYWHERE, Kind, find};
use crate::messages::Sentence;

/// A command as it was given, by typing or by an app's own menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The command's English name.
    pub command: String,
    /// The action's English name; empty where the command has one only.
    pub action: String,
    /// The arguments that are there, by their English names.
    pub arguments: Vec<(String, String)>,
}

/// Why a line is no command that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCommand {
    /// There is none of this name.
    Unknown {
        /// The name.
        typed: String,
    },
    /// It is used otherwise.
    Misused {
        /// Its English name.
        command: &'static str,
        /// The English name of the action, where one was named.
        action: Option<&'static str>,
    },
}

/// A word behind a command that is none of its actions, but near one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slip {
    /// The word.
    pub(super) word: String,
    /// Whether others follow.
    pub(super) goes_on: bool,
    typed: String,
    /// Command and action, in the language of the word.
    meant: String,
}

impl Slip {
    /// What is near to the word behind the command of this line, where that is no action.
    pub(super) fn of(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (first, word) = (words.next()?, words.next()?);
        let command = find(first)?;
        if command.action(word).is_some() {
            return None;
        }
        let known = command.actions.iter().flat_map(|action| {
            let also = command.also(action).iter();
            action.name.into_iter().chain(also.copied())
        });
        let found = nearest(word, known.filter(|name| !name.is_empty()))?;
        let action = command.action(found)?;
        let language = usize::from(!found.is_ascii());
        Some(Self {
            word: word.to_owned(),
            goes_on: words.next().is_some(),
            typed: format!("/{first} {word}"),
            meant: format!("{} {}", command.name[language], action.name[language]),
        })
    }

    pub(super) fn sentence(self) -> Sentence {
        Sentence::UnknownCommand {
            typed: self.typed,
            nearest: Some(self.meant),
        }
    }
}

impl Asked {
    /// Reads what was typed after the slash. Korean words are understood in every place where English ones are.
    ///
    /// # Errors
    /// When there is no such command, or it is used otherwise.
    pub fn read(line: &str) -> Result<Self, NoCommand> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let unknown = || NoCommand::Unknown {
            typed: words.first().copied().unwrap_or_default().to_owned(),
        };
        let command = find(words.first().copied().unwrap_or_default()).ok_or_else(unknown)?;
        words.remove(0);
        let named = words.first().and_then(|word| command.action(word));
        let action = match named {
            Some(action) => {
                words.remove(0);
                action
            }
            None if words.is_empty() => &command.actions[0],
            // "/persona joey" is the way people say it.
            None => command.shorthand(),
        };
        let misused = NoCommand::Misused {
            command: command.name[0],
            action: named.map(|action| action.name[0]),
        };
        let mut arguments = Vec::new();
        let mut expected = action.arguments;
        if let Some((
            Argument {
                kind: Kind::Everywhere,
                name,
                ..
            },
            others,
        )) = expected.split_last()
        {
            expected = others;
            if words
                .last()
                .is_some_and(|word| EVERYWHERE.name.contains(word))
            {
                words.pop();
                arguments.push((name[0].to_owned(), "true".to_owned()));
            }
        }
        for argument in expected {
            let value = match argument.kind {
                Kind::Text | Kind::Link | Kind::Personas => {
                    let rest = words.join(" ");
                    words.clear();
                    rest
                }
                _ if words.is_empty() => String::new(),
                _ => words.remove(0).to_owned(),
            };
            match argument.checked(&value) {
                Some(value) => arguments.push((argument.name[0].to_owned(), value)),
                None if value.is_empty() && !argument.required => {}
                None => return Err(misused),
            }
        }
        if !words.is_empty() {
            return Err(misused);
        }
        Ok(Self {
            command: command.name[0].to_owned(),
            action: action.name[0].to_owned(),
            arguments,
        })
    }

    /// The command and the action that are meant, where there are such.
    #[must_use]
    pub fn meant(&self) -> Option<(&'static Command, &'static Action)> {
        let command = find(&self.command)?;
        Some((command, command.action(&self.action)?))
    }

    /// The argument of this English name.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Display for Asked {
    /// As it would be typed in English; what was filled in in a form is left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}", self.command)?;
        if !self.action.is_empty() {
            write!(f, " {}", self.action)?;
        }
        let declared = self.meant().map_or(&[][..], |(_, action)| action.arguments);
        // In the order in which they are read, whatever order they were given in.
        for argument in declared {
            match (argument.kind, self.argument(argument.name[0])) {
                (Kind::Everywhere, Some(_)) => write!(f, " {}", argument.name[0])?,
                (_, Some(value)) => write!(f, " {value}")?,
                (_, None) => {}
            }
        }
        Ok(())
    }
}

impl Argument {
    /// The value as the command wants it; choices are in English.
    fn checked(&self, value: &str) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        match self.kind {
            Kind::Choice(choices) => choices
                .iter()
                .find(|words| words[0].eq_ignore_ascii_case(value) || words[1] == value)
                .map(|words| words[0].to_owned()),
            _ => Some(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, read: &str) {
        assert_eq!(
            Asked::read(line).map(|asked| asked.to_string()),
            Ok(read.to_owned()),
            "{line}"
        );
    }

    #[test]
    fn lines_are_read_in_both_languages() {
        check("help", "/help");
        check("도움말", "/help");
        check("persona", "/persona show");
        check("persona joey", "/persona set joey");
        check(
            "페르소나 선택 조이 모니카 전체",
            "/persona set 조이 모니카 everywhere",
        );
        check(
            "persona set joey everywhere",
            "/persona set joey everywhere",
        );
        check("기억 삭제 전체", "/memory forget 전체");
        check("기억 지워줘 2", "/memory forget 2");
        check("기억 보여줘", "/memory show");
        check("memory delete 2", "/memory forget 2");
        check("memory forget 2 4", "/memory forget 2 4");
        check("settings answer 전부", "/settings answer everything");
        check(
            "settings quiet 23:00-07:00 Asia/Seoul everywhere",
            "/settings quiet 23:00-07:00 Asia/Seoul everywhere",
        );
    }

    #[test]
    fn what_was_filled_in_in_a_form_is_not_told() {
        let mut asked = Asked::read("persona edit nari").unwrap();
        asked.arguments.push(("system".into(), "be kind".into()));
        assert_eq!(asked.to_string(), "/persona edit nari");
        check(
            "페르소나 시험 nari 안녕 뭐해",
            "/persona test nari 안녕 뭐해",
        );
    }

    #[test]
    fn a_mistyped_action_is_known_by_its_neighbour() {
        for (line, meant) in [
            ("persona sett ross", Some("persona set")),
            ("페르소나 선텍 조이", Some("페르소나 선택")),
            ("memory shwo", Some("memory show")),
            ("기억 지우", Some("기억 삭제")),
            ("settings anser called", Some("settings answer")),
            ("persona set rosss", None),
            ("persona joey", None),
            ("memory", None),
            ("stop it", None),
        ] {
            let found = Slip::of(line).map(|slip| slip.meant);
            assert_eq!(found.as_deref(), meant, "{line}");
        }
    }

    #[test]
    fn what_is_no_command_is_said() {
        let misused = |command, action| Err(NoCommand::Misused { command, action });
        for (line, command, action) in [
            ("persona set", "persona", Some("set")),
            ("memory forget", "memory", Some("forget")),
            ("기억 지워", "memory", Some("forget")),
            ("memory show everything", "memory", Some("show")),
            ("memory shwo", "memory", None),
            ("settings answer loudly", "settings", Some("answer")),
        ] {
            assert_eq!(Asked::read(line), misused(command, action), "{line}");
        }
        assert_eq!(
            Asked::read("hlep"),
            Err(NoCommand::Unknown {
                typed: "hlep".to_owned()
            })
        );
    }
}
