//! What people can type with a slash: one table, from which parsing, `/help` and the surfaces' menus follow.

mod help;
mod memory;
mod new;
mod persona;
mod regenerate;
mod stop;
mod why;

use std::sync::Arc;

use chatfriends_personas::{Language, nearest};
use futures::future::BoxFuture;

use crate::context::Context;
use crate::gate::Admitted;
use crate::messages::Sentence;
use crate::outlet::{Finished, Outlet};
use crate::turn::Trouble;

/// One command. A new one is a file in this folder and a row in [`COMMANDS`].
pub struct Command {
    /// What is typed after the slash in English.
    pub english: &'static str,
    /// What is typed after the slash in Korean.
    pub korean: &'static str,
    /// What may follow it, in English and Korean; empty when nothing does.
    pub arguments: [&'static str; 2],
    /// What it does, in English and Korean.
    pub summary: [&'static str; 2],
    run: for<'a> fn(Call<'a>) -> BoxFuture<'a, Outcome>,
}

/// A command as it was typed, and everything it works with.
pub struct Call<'a> {
    command: &'static Command,
    ctx: &'a Arc<Context>,
    admitted: &'a Admitted,
    /// The words after the command's name.
    words: Vec<&'a str>,
    /// The language that the command was typed in.
    language: Language,
    out: &'a Outlet,
}

/// A command may answer with a reply (`/regenerate`) or with notices only.
type Outcome = Result<Option<Finished>, Trouble>;

/// Every command there is.
pub static COMMANDS: &[Command] = &[
    help::COMMAND,
    persona::COMMAND,
    memory::COMMAND,
    new::COMMAND,
    regenerate::COMMAND,
    stop::COMMAND,
    why::COMMAND,
];

impl Command {
    /// What is typed after the slash.
    #[must_use]
    pub fn name(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Korean => self.korean,
        }
    }

    /// The command with what may follow it.
    #[must_use]
    pub fn usage(&self, language: Language) -> String {
        format!(
            "/{} {}",
            self.name(language),
            self.arguments[index(language)]
        )
        .trim_end()
        .to_owned()
    }

    /// What it does.
    #[must_use]
    pub fn summary(&self, language: Language) -> &'static str {
        self.summary[index(language)]
    }
}

fn index(language: Language) -> usize {
    match language {
        Language::English => 0,
        Language::Korean => 1,
    }
}

/// Runs what was typed after the slash.
///
/// # Errors
/// What the command met; an unknown one is answered with the nearest.
pub async fn run(ctx: &Arc<Context>, admitted: &Admitted, line: &str, out: &Outlet) -> Outcome {
    let mut words = line.split_whitespace();
    let typed = words.next().unwrap_or_default();
    let language = admitted.language();
    let Some(command) = COMMANDS
        .iter()
        .find(|command| command.english.eq_ignore_ascii_case(typed) || command.korean == typed)
    else {
        let names = COMMANDS
            .iter()
            .flat_map(|command| [command.english, command.korean]);
        let nearest = nearest(typed, names);
        return Err(Trouble::Told(Sentence::UnknownCommand {
            typed: format!("/{typed}"),
            nearest,
        }));
    };
    (command.run)(Call {
        command,
        ctx,
        admitted,
        words: words.collect(),
        language,
        out,
    })
    .await
}

impl Call<'_> {
    async fn tell(&self, sentence: Sentence) -> Outcome {
        self.out.notice(sentence.say(self.language)).await;
        Ok(None)
    }

    async fn tell_usage(&self) -> Outcome {
        self.tell(Sentence::Usage {
            usage: self.command.usage(self.language),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_there_in_both_languages_and_only_once() {
        let mut names: Vec<&str> = COMMANDS
            .iter()
            .flat_map(|command| [command.english, command.korean])
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        for command in COMMANDS {
            assert!(
                command.english.is_ascii() && !command.korean.is_ascii(),
                "/{}",
                command.english
            );
            assert!(command.summary.iter().all(|summary| !summary.is_empty()));
        }
    }
}
