//! What Telegram shows of the bot before anybody writes: the menus of commands and the profile. From the command table; nothing is decided here.

use std::time::Duration;

use chatfriends_personas::Language;
use teloxide::payloads::{
    GetMyCommandsSetters as _, GetMyDescriptionSetters as _, GetMyShortDescriptionSetters as _,
    SetMyCommandsSetters as _, SetMyDescriptionSetters as _, SetMyShortDescriptionSetters as _,
};
use teloxide::requests::{Request as _, Requester as _};
use teloxide::types::{BotCommand, BotCommandScope};
use teloxide::{Bot, RequestError};
use tokio::time::sleep;

use super::trouble::told;
use crate::commands::{COMMANDS, Command};
use crate::identity::Rank;
use crate::messages::Sentence;

const ATTEMPTS: u32 = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(20);

/// Each language with Telegram's code for it; the empty one is everybody else's.
const LANGUAGES: [(Language, &str); 2] = [(Language::English, ""), (Language::Korean, "ko")];

/// Sets what differs, so that a restart changes nothing. Without menus the bot works all the same.
pub(super) async fn show(bot: &Bot) {
    for _ in 0..ATTEMPTS {
        let wait = match try_to_show(bot).await {
            Ok(()) => return,
            Err(RequestError::RetryAfter(seconds)) => seconds.duration(),
            Err(error) => {
                tracing::warn!(
                    error = told(&error),
                    "Telegram's menus of commands could not be set yet."
                );
                BETWEEN_ATTEMPTS
            }
        };
        sleep(wait).await;
    }
}

async fn try_to_show(bot: &Bot) -> Result<(), RequestError> {
    for (scope, is_listed) in [
        (
            BotCommandScope::AllPrivateChats,
            everything as fn(&Command) -> bool,
        ),
        (BotCommandScope::AllGroupChats, for_everybody),
        (BotCommandScope::AllChatAdministrators, everything),
    ] {
        for (language, code) in LANGUAGES {
            let wanted: Vec<BotCommand> = COMMANDS
                .iter()
                .filter(|command| is_listed(command))
                // Telegram takes names in Latin letters only; people who type Korean ones are understood.
                .map(|command| BotCommand::new(command.name[0], command.summary(language)))
                .collect();
            let set = bot
                .get_my_commands()
                .scope(scope.clone())
                .language_code(code)
                .send()
                .await?;
            if set != wanted {
                bot.set_my_commands(wanted)
                    .scope(scope.clone())
                    .language_code(code)
                    .send()
                    .await?;
            }
        }
    }
    describe(bot).await?;
    describe_shortly(bot).await
}

async fn describe(bot: &Bot) -> Result<(), RequestError> {
    let mut shown = Vec::new();
    for (_, code) in LANGUAGES {
        let request = bot.get_my_description().language_code(code);
        shown.push(request.send().await?.description);
    }
    for (text, code) in missing(&shown, &Sentence::Profile) {
        let request = bot.set_my_description().language_code(code);
        request.description(text).send().await?;
    }
    Ok(())
}

async fn describe_shortly(bot: &Bot) -> Result<(), RequestError> {
    let mut shown = Vec::new();
    for (_, code) in LANGUAGES {
        let request = bot.get_my_short_description().language_code(code);
        shown.push(request.send().await?.short_description);
    }
    for (text, code) in missing(&shown, &Sentence::ShortProfile) {
        let request = bot.set_my_short_description().language_code(code);
        request.short_description(text).send().await?;
    }
    Ok(())
}

/// What is to be set in which language. Where whoever runs the bot has written something of their own, nothing is.
fn missing(shown: &[String], wanted: &Sentence) -> Vec<(String, &'static str)> {
    let ours = LANGUAGES.map(|(language, code)| (wanted.say(language), code));
    let is_theirs = |text: &String| !text.is_empty() && !ours.iter().any(|(ours, _)| ours == text);
    if shown.iter().any(is_theirs) {
        return Vec::new();
    }
    let differs = |((text, _), shown): &((String, _), &String)| text != *shown;
    ours.into_iter()
        .zip(shown)
        .filter(differs)
        .map(|(ours, _)| ours)
        .collect()
}

fn everything(_: &Command) -> bool {
    true
}

/// In groups, what only moderators can do more than look at is in their menu.
fn for_everybody(command: &Command) -> bool {
    command
        .actions
        .iter()
        .all(|action| action.needs <= Rank::Member)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shown: [&str; 2], set: &[&str]) {
        let shown = shown.map(str::to_owned);
        let missing = missing(&shown, &Sentence::ShortProfile);
        let codes: Vec<&str> = missing.iter().map(|(_, code)| *code).collect();
        assert_eq!(codes, set, "{shown:?}");
    }

    #[test]
    fn only_what_nobody_has_written_is_set() {
        let [english, korean] = LANGUAGES.map(|(language, _)| Sentence::ShortProfile.say(language));
        check(["", ""], &["", "ko"]);
        check([&english, &korean], &[]);
        // What is not there in a language is shown in the other one.
        check([&english, &english], &["ko"]);
        check(["My own bot", ""], &[]);
        check(["", "내 봇"], &[]);
    }

    /// <https://core.telegram.org/bots/api#setmydescription>
    #[test]
    fn the_profile_fits() {
        for (language, _) in LANGUAGES {
            assert!(Sentence::Profile.say(language).chars().count() <= 512);
            assert!(Sentence::ShortProfile.say(language).chars().count() <= 120);
        }
    }
}
