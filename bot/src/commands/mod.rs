//! What people can ask for by command: one table, from which parsing (`asked.rs`), `/help`, the surfaces' menus and Discord's slash commands
//! follow.
//!
//! [`run`] is the one door to every command: whoever may not do something is turned away there, and what moderators did is noted there.

mod asked;
mod audit;
mod help;
mod latin;
mod memory;
mod new;
mod persona;
mod privacy;
mod regenerate;
mod safety;
mod settings;
mod start;
mod stats;
mod stop;
mod studio;
mod why;

use std::sync::Arc;

use chatfriends_personas::{Language, Library, Persona, PersonaId, nearest};
use futures::future::BoxFuture;

use crate::context::Context;
use crate::gate::Admitted;
use crate::identity::{Conversation, Level, LevelKind, Owner, PlaceKind, Rank};
use crate::inbound::Manner;
use crate::memory::Held;
use crate::messages::Sentence;
use crate::outlet::{Finished, Outlet};
use crate::turn::Trouble;

use self::asked::Slip;
pub use asked::{Asked, NoCommand};
pub use audit::{Audit, Deed};
pub use latin::in_latin;
pub use persona::Source;

/// One command. A new one is a file in this folder and a row in [`COMMANDS`].
#[derive(Debug)]
pub struct Command {
    /// What is typed after the slash in English and Korean.
    pub name: Words,
    /// What it does.
    pub summary: Words,
    /// What it can do; the first one is meant where none is named. Never empty.
    pub actions: &'static [Action],
}

/// One thing that a command does.
pub struct Action {
    /// What is typed after the command's name; both empty where a command does one thing only.
    pub name: Words,
    /// What it does.
    pub summary: Words,
    /// Who may do it.
    pub needs: Rank,
    /// In the first kind of place where it does anything, and in those after it.
    pub works: PlaceKind,
    /// Who sees the answer.
    pub answer: Answer,
    /// Whether other moderators are told of it: it changes something for others.
    pub is_logged: bool,
    /// What follows.
    pub arguments: &'static [Argument],
    run: for<'a> fn(Call<'a>) -> BoxFuture<'a, Outcome>,
}

/// Who sees what a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Everybody.
    Public,
    /// Everybody, and it is a persona's reply, which the rules of the place may not allow now.
    Reply,
    /// The one who asked, where the app can do that; it holds nothing that anybody has told.
    Discreet,
    /// The one who asked, or nobody: it may hold what somebody has told or done.
    Personal,
}

impl Answer {
    /// Whether it is for the one who asked, where the app can do that.
    #[must_use]
    pub fn is_discreet(self) -> bool {
        matches!(self, Self::Discreet | Self::Personal)
    }
}

/// Something that follows an action's name.
#[derive(Debug)]
pub struct Argument {
    /// Its name, in English and Korean.
    pub name: Words,
    /// What it is.
    pub summary: Words,
    /// What it can be.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
}

/// What an argument can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The name of a persona.
    Persona,
    /// The id of a persona that was made by command in this server or group, published or not.
    Made,
    /// One word.
    Word,
    /// All that follows, which a link brings along; nobody types it.
    Link,
    /// One of these words.
    Choice(&'static [Words]),
    /// All that follows.
    Text,
    /// The names of one or several personas: all that follows.
    Personas,
    /// The word "everywhere": for the whole server or group, which only those may change who manage all of it.
    Everywhere,
}

/// English and Korean.
pub type Words = [&'static str; 2];

/// A command that exists, and everything it works with.
pub struct Call<'a> {
    asked: &'a Asked,
    ctx: &'a Arc<Context>,
    admitted: &'a Admitted,
    /// The language that the command was given in.
    language: Language,
    out: &'a Outlet,
}

/// Whose talk with a persona a command is about.
enum Talk {
    /// The author's, where there is such.
    Own,
    /// Whoever talked last.
    Anybodys,
}

type Outcome = Result<Done, Trouble>;

/// How a command ended.
enum Done {
    /// With notices.
    Told,
    /// With a reply, as `/regenerate` does.
    Replied(Finished),
    /// With a form or a question: nothing is done before that is answered.
    Asked,
}

/// Every command there is.
pub static COMMANDS: &[Command] = &[
    help::COMMAND,
    start::COMMAND,
    persona::COMMAND,
    settings::COMMAND,
    memory::COMMAND,
    new::COMMAND,
    regenerate::COMMAND,
    stop::COMMAND,
    why::COMMAND,
    stats::COMMAND,
    privacy::COMMAND,
    safety::COMMAND,
];

/// Other words for actions, as people say them: the command's and the action's English names, and the words. Menus show none of them.
const ALSO: &[(&str, &str, &[&str])] = &[
    (
        "memory",
        "forget",
        &[
            "delete",
            "지워",
            "지워줘",
            "지우기",
            "잊어",
            "잊어줘",
            "잊기",
        ],
    ),
    ("memory", "show", &["list", "보여줘", "목록"]),
    ("memory", "export", &["내보내", "받기"]),
    ("persona", "set", &["choose", "고르기", "바꾸기"]),
    ("persona", "show", &["보여줘"]),
    ("persona", "delete", &["지우기"]),
    ("settings", "show", &["보여줘"]),
];

/// The word that makes a rule hold for the whole server or group.
const EVERYWHERE: Argument = Argument {
    name: ["everywhere", "전체"],
    summary: ["for the whole server or group", "서버나 그룹 전체에"],
    kind: Kind::Everywhere,
    required: false,
};

impl Command {
    /// The name in one language.
    #[must_use]
    pub fn name(&self, language: Language) -> &'static str {
        self.name[index(language)]
    }

    /// The command with what may follow it, as far as somebody of this rank may use it in a place of this kind.
    #[must_use]
    pub fn usage(&self, language: Language, rank: Rank, place: PlaceKind) -> String {
        let actions = self.actions.iter();
        let actions = actions.filter(|action| action.needs <= rank && action.works <= place);
        let ways: Vec<String> = actions
            .map(|action| action.usage(language))
            .filter(|way| !way.is_empty())
            .collect();
        let name = self.name(language);
        match ways.as_slice() {
            _ if self.actions.len() == 1 => format!("/{name}"),
            ways => format!("/{name} [{}]", ways.join(" | ")),
        }
    }

    /// What it does.
    #[must_use]
    pub fn summary(&self, language: Language) -> &'static str {
        self.summary[index(language)]
    }

    /// What is meant when no action is named, but something else is.
    fn shorthand(&self) -> &'static Action {
        self.action("set").unwrap_or(&self.actions[0])
    }

    fn action(&self, name: &str) -> Option<&'static Action> {
        self.actions.iter().find(|action| {
            let is = |known: &&str| known.eq_ignore_ascii_case(name);
            action.name.iter().any(is) || self.also(action).iter().any(is)
        })
    }

    /// Other words for one of its actions.
    fn also(&self, action: &Action) -> &'static [&'static str] {
        let of = |entry: &&(&str, &str, _)| (entry.0, entry.1) == (self.name[0], action.name[0]);
        ALSO.iter().find(of).map_or(&[], |(_, _, words)| words)
    }
}

impl Action {
    fn usage(&self, language: Language) -> String {
        let index = index(language);
        let mut parts = vec![self.name[index].to_owned()];
        parts.extend(self.arguments.iter().map(|argument| {
            let name = match argument.kind {
                Kind::Choice(choices) => {
                    let words: Vec<&str> = choices.iter().map(|words| words[index]).collect();
                    words.join("/")
                }
                Kind::Everywhere => argument.name[index].to_owned(),
                _ => argument.name[index].to_uppercase(),
            };
            if argument.required {
                name
            } else {
                format!("({name})")
            }
        }));
        parts.join(" ").trim().to_owned()
    }

    /// How it is used, with what is to be put in the place of each argument.
    fn explained(&self, command: &Command, language: Language) -> String {
        let index = index(language);
        let usage = format!("/{} {}", command.name(language), self.usage(language));
        let mut lines = vec![usage.trim_end().to_owned()];
        lines.extend(self.arguments.iter().map(|argument| {
            let name = match argument.kind {
                Kind::Everywhere => argument.name[index].to_owned(),
                _ => argument.name[index].to_uppercase(),
            };
            format!("{name}: {}", argument.summary[index])
        }));
        lines.join("\n")
    }

    /// Who may do it with these arguments.
    #[must_use]
    pub fn needs(&self, asked: &Asked) -> Rank {
        if asked.argument(EVERYWHERE.name[0]).is_some() {
            Rank::ManagesAll
        } else {
            self.needs
        }
    }
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Action")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn index(language: Language) -> usize {
    match language {
        Language::English => 0,
        Language::Korean => 1,
    }
}

/// Whether a command ends what is going on. It waits for nothing.
#[must_use]
pub fn is_stop(asked: &Asked) -> bool {
    stop::is_given(asked)
}

/// Whether a line that begins with a slash names a command that there is.
#[must_use]
pub fn is_ours(line: &str) -> bool {
    let name = line.trim_start_matches('/').split_whitespace().next();
    name.and_then(find).is_some()
}

/// Whether there is a command of this name.
#[must_use]
pub fn exists(name: &str) -> bool {
    find(name).is_some()
}

fn find(typed: &str) -> Option<&'static Command> {
    COMMANDS
        .iter()
        .find(|command| command.name[0].eq_ignore_ascii_case(typed) || command.name[1] == typed)
}

/// Runs a command, if its author may.
///
/// # Errors
/// What the command met; an unknown one is answered with the nearest.
pub async fn run(
    ctx: &Arc<Context>,
    admitted: &Admitted,
    line: &str,
    out: &Outlet,
) -> Result<Option<Finished>, Trouble> {
    let language = admitted.language();
    let (asked, slip) = match &admitted.inbound().manner {
        Manner::Command(asked) => (asked.clone(), None),
        Manner::Talk | Manner::Program(_) => {
            let slip = Slip::of(line);
            let asked = Asked::read(line).map_err(|fault| told(&fault, slip.clone(), admitted))?;
            (asked, slip)
        }
    };
    let Some((_, action)) = asked.meant() else {
        let typed = asked.command;
        return Err(told(&NoCommand::Unknown { typed }, None, admitted));
    };
    // The one place where it is decided who may do what; an app's own menus only hide things.
    let needs = action.needs(&asked);
    if admitted.inbound().rank < needs {
        let library = ctx.library_at(&admitted.inbound().levels);
        if let Some(slip) = slip.filter(|slip| library.find(&slip.word).is_none()) {
            return Err(Trouble::Told(slip.sentence()));
        }
        tracing::info!(command = %asked.command, action = %asked.action, "Somebody without the right to a command tried it.");
        return Err(Trouble::Told(Sentence::NotAllowed { needs }));
    }
    let place = PlaceKind::of(&admitted.inbound().levels);
    if place < action.works {
        return Err(Trouble::Told(Sentence::WorksElsewhere {
            works: action.works,
        }));
    }
    let call = Call {
        asked: &asked,
        ctx,
        admitted,
        language,
        out,
    };
    let done = (action.run)(call).await;
    let done = done.map_err(|trouble| match (trouble, slip) {
        // "/persona sett ross": what is no action was taken for a name.
        (Trouble::Told(Sentence::UnknownPersona { typed, nearest }), Some(slip))
            if typed == slip.word && (nearest.is_none() || slip.goes_on) =>
        {
            Trouble::Told(slip.sentence())
        }
        (trouble, _) => trouble,
    })?;
    if action.is_logged && !matches!(done, Done::Asked) {
        ctx.audit.note(admitted.inbound(), &asked).await?;
    }
    Ok(match done {
        Done::Replied(finished) => Some(finished),
        Done::Told | Done::Asked => None,
    })
}

fn told(fault: &NoCommand, slip: Option<Slip>, admitted: &Admitted) -> Trouble {
    let (inbound, language) = (admitted.inbound(), admitted.language());
    let place = PlaceKind::of(&inbound.levels);
    Trouble::Told(match (fault, slip) {
        (NoCommand::Unknown { typed }, _) => Sentence::UnknownCommand {
            nearest: nearest(typed, COMMANDS.iter().flat_map(|command| command.name))
                .map(str::to_owned),
            typed: format!("/{typed}"),
        },
        (NoCommand::Misused { .. }, Some(slip)) => slip.sentence(),
        (NoCommand::Misused { command, action }, None) => {
            let command = find(command).expect("it was found before");
            let action = action.and_then(|action| command.action(action));
            let action =
                action.filter(|action| action.needs <= inbound.rank && action.works <= place);
            let usage = match action {
                Some(action) => action.explained(command, language),
                None => command.usage(language, inbound.rank, place),
            };
            Sentence::Usage { usage }
        }
    })
}

impl Call<'_> {
    /// An argument by its English name.
    fn argument(&self, name: &str) -> Option<&str> {
        self.asked.argument(name)
    }

    /// Where a rule is set: everywhere, or here.
    fn level(&self) -> &Level {
        let levels = &self.admitted.inbound().levels;
        let level = if self.argument(EVERYWHERE.name[0]).is_some() {
            levels.last()
        } else {
            levels.first()
        };
        level.expect("a message has at least one level")
    }

    /// The level where a rule is set, with those round it.
    fn outwards(&self) -> &[Level] {
        let levels = &self.admitted.inbound().levels;
        let place = levels.iter().position(|level| level == self.level());
        &levels[place.expect("the level is one of these")..]
    }

    /// The level nearer than the one where a rule is set that goes on with a rule of its own, which is set at `from`.
    fn keeps_its_own(&self, from: Option<&Level>) -> Option<LevelKind> {
        let from = from.filter(|from| !self.outwards().contains(from))?;
        Some(from.kind)
    }

    fn rules(&self) -> crate::rules::EffectiveRules {
        self.ctx.rules_at(&self.admitted.inbound().levels)
    }

    /// Who can answer here.
    fn library(&self) -> Arc<Library> {
        self.ctx.library_at(&self.admitted.inbound().levels)
    }

    /// Whether a conversation is one that the command is about: here, and with the persona that was picked where one was.
    fn means(&self, conversation: &Conversation) -> bool {
        let inbound = self.admitted.inbound();
        conversation.place == inbound.place
            && conversation.thread == inbound.thread
            && self.means_persona(&conversation.persona)
    }

    /// A persona is picked on the page and by buttons; what is typed elsewhere means all of them.
    fn means_persona(&self, persona: &PersonaId) -> bool {
        let picked = self.admitted.inbound().persona.as_ref();
        picked.is_none_or(|picked| picked == persona)
    }

    /// The persona whose conversation the command is about: the one that was picked, else the one that answered last here, else whoever would
    /// answer now.
    async fn partner(&self, talk: Talk) -> Result<Arc<Persona>, Trouble> {
        let inbound = self.admitted.inbound();
        if inbound.persona.is_none() {
            let at = (&inbound.place, inbound.thread.as_ref());
            let own = Some((&inbound.audience, &inbound.person));
            let memory = &self.ctx.memory;
            let mut talked_with = match talk {
                Talk::Own => memory.talked_with(at, own).await?,
                Talk::Anybodys => Vec::new(),
            };
            talked_with.extend(memory.talked_with(at, None).await?);
            let library = self.library();
            if let Some(persona) = talked_with.iter().find_map(|id| library.get(id)) {
                return Ok(Arc::clone(persona));
            }
        }
        self.ctx.persona_for(inbound)
    }

    /// What is kept of the author before those who read along, persona by persona.
    async fn held(&self) -> Result<Vec<(Owner, Held)>, Trouble> {
        let inbound = self.admitted.inbound();
        let memory = &self.ctx.memory;
        let mut all = memory
            .held_by_all(&inbound.audience, &inbound.person)
            .await?;
        all.retain(|(owner, _)| self.means_persona(&owner.persona));
        Ok(all)
    }

    async fn tell(&self, sentence: Sentence) -> Outcome {
        self.say(sentence.say(self.language)).await
    }

    async fn say(&self, text: String) -> Outcome {
        self.out.notice(text).await;
        Ok(Done::Told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_there_in_both_languages_and_only_once() {
        let mut names: Vec<&str> = COMMANDS.iter().flat_map(|command| command.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        for command in COMMANDS {
            let in_both = |[english, korean]: Words| english.is_ascii() && !korean.is_ascii();
            assert!(
                in_both(command.name) && in_both(command.summary),
                "{command:?}"
            );
            for action in command.actions {
                let alone = command.actions.len() == 1;
                assert!(alone || in_both(action.name), "{action:?}");
                assert!(in_both(action.summary), "{action:?}");
                for argument in action.arguments {
                    assert!(
                        in_both(argument.name) && in_both(argument.summary),
                        "{argument:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_words_mean_one_action_that_there_is() {
        for (name, action, words) in ALSO {
            let command = find(name).unwrap();
            for word in *words {
                let means = |action: &&Action| {
                    action.name.contains(word) || command.also(action).contains(word)
                };
                let meant: Vec<&str> = command
                    .actions
                    .iter()
                    .filter(means)
                    .map(|it| it.name[0])
                    .collect();
                assert_eq!(meant, [*action], "{name} {word}");
            }
        }
    }

    /// Discord refuses longer ones: <https://discord.com/developers/docs/interactions/application-commands>.
    #[test]
    fn names_and_summaries_fit_the_apps() {
        for command in COMMANDS {
            let actions = command.actions.iter();
            let all = [(command.name, command.summary)]
                .into_iter()
                .chain(actions.clone().map(|action| (action.name, action.summary)))
                .chain(
                    actions
                        .flat_map(|action| action.arguments)
                        .map(|argument| (argument.name, argument.summary)),
                );
            for (name, summary) in all {
                assert!(
                    name.iter().all(
                        |name| name.chars().count() <= 32 && !name.contains(char::is_uppercase)
                    )
                );
                assert!(
                    summary
                        .iter()
                        .all(|summary| (1..=100).contains(&summary.chars().count())),
                    "{summary:?}"
                );
            }
        }
    }

    #[test]
    fn what_somebody_has_told_or_done_is_for_the_asker_alone() {
        let mut personal = Vec::new();
        for command in COMMANDS {
            let actions = command.actions.iter();
            let alone = actions.filter(|action| action.answer == Answer::Personal);
            personal.extend(alone.map(|action| [command.name[0], action.name[0]].join(" ")));
        }
        assert_eq!(
            personal,
            [
                "persona create",
                "persona edit",
                "persona draft",
                "persona test",
                "settings log",
                "memory show",
                "memory forget",
                "memory export",
                "why ",
                "stats ",
            ]
        );
    }
}
