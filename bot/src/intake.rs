//! From what happens in chat apps to turns: keeps what is acted on until it is answered, joins bursts, and does things about one message
//! in the order in which they came.
//!
//! Whether to act is `deciding`; acting is `doing`. How a reply is made is `turn.rs`; how it is shown is `delivery.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chatfriends_personas::{Language, PersonaId};

use crate::bursts::{Added, Bursts, Speaker};
use crate::context::Context;
use crate::gate::clean_text;
use crate::gone::Gone;
use crate::identity::{EventId, PersonId, PlaceId, Platform};
use crate::inbox::{Arrival, Batch};
use crate::messages::Sentence;
use crate::metrics::Count;
use crate::moves::Move;
use crate::outlet::Show;
use crate::paces::Paces;
use crate::platforms::Messenger;
use crate::platforms::event::{Event, Happening, Message};
use crate::store::StoreError;
use crate::underway::{Dealing, Underway};

mod deciding;
mod dialogue;
mod doing;
mod moving;

/// What a turn shows, as it comes.
type Shows = tokio::sync::mpsc::Receiver<Show>;

/// Takes what one chat app hears. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    ctx: Arc<Context>,
    messenger: Arc<dyn Messenger>,
    bursts: Arc<Bursts>,
    underway: Underway,
    gone: Gone,
    paces: Arc<Paces>,
}

/// The chat apps whose unanswered events were taken up. The program's, not an adapter's: one that is started again finds them being answered.
#[derive(Debug, Default)]
pub struct Resumed(Mutex<BTreeSet<Platform>>);

/// What is done about an event.
enum Task {
    /// Words are answered.
    Answer { persona: Option<PersonaId> },
    /// A command is carried out.
    Command,
    /// A call for help is answered.
    Help,
    /// A button was pressed; what that means is looked up.
    Press,
    /// Words fill in a form that is asked for one field after another.
    Dialogue,
    /// A sentence says what cannot be done.
    Tell(Sentence),
    /// A reply is made again, in place of the one below which the button was.
    Regenerate {
        of: EventId,
        /// Who was answered.
        asker: PersonId,
        persona: PersonaId,
    },
    /// A reply is stopped.
    Stop { of: EventId, persona: PersonaId },
    /// A message is changed, or deleted where there is none any more.
    Amend {
        of: EventId,
        changed: Option<Message>,
    },
    /// Something that people said with a sign is counted.
    Count(Count),
}

impl Task {
    /// The same for the persona that a whole burst calls.
    fn of(self, persona: Option<PersonaId>) -> Self {
        match self {
            Self::Answer { .. } => Self::Answer { persona },
            other => other,
        }
    }

    /// What it is about: the messages of a batch, or earlier ones. Commands of one person in one place are about one thing, as each may change
    /// what the next one finds; but `/stop` waits for none.
    fn messages(&self, batch: &Batch) -> Vec<EventId> {
        match self {
            Self::Command if !doing::is_stop(batch) => {
                let leader = batch.leader();
                let (person, place) = (leader.by.person.as_str(), leader.venue.place.as_str());
                let all = format!("commands/{place}/{person}");
                vec![EventId::new(leader.platform, &all)]
            }
            Self::Answer { .. } => batch.0.iter().map(|event| event.id.clone()).collect(),
            Self::Regenerate { of, .. } | Self::Amend { of, .. } => vec![of.clone()],
            Self::Command
            | Self::Help
            | Self::Press
            | Self::Dialogue
            | Self::Tell(_)
            | Self::Stop { .. }
            | Self::Count(_) => Vec::new(),
        }
    }
}

impl Intake {
    /// The intake of one chat app.
    #[must_use]
    pub fn new(ctx: Arc<Context>, messenger: Arc<dyn Messenger>) -> Self {
        let longest = ctx.settings.limits.message_characters;
        Self {
            ctx,
            messenger,
            bursts: Arc::new(Bursts::new(longest)),
            underway: Underway::default(),
            gone: Gone::default(),
            paces: Arc::default(),
        }
    }

    /// Hears of an event. On return it is durable, or nothing is to be done about it: the app may be told that we have it.
    ///
    /// # Errors
    /// When the store fails; then the app must not be told.
    pub async fn hear(&self, event: Event) -> Result<(), StoreError> {
        if let Happening::Moved { to } = &event.happened {
            return self
                .moved(Move {
                    from: event.venue.clone(),
                    to: to.clone(),
                })
                .await;
        }
        let event = self.ctx.moves.settle(cleaned(event));
        let Some(event) = self.helped(event).await? else {
            return Ok(());
        };
        let Some(task) = self.task(&event).await? else {
            return Ok(());
        };
        if self.ctx.inbox.take(&event).await? == Arrival::Repeated {
            tracing::debug!(event = event.id.as_str(), "An event came once more.");
            return Ok(());
        }
        if self.gone.holds(&event.id) {
            return self.ctx.inbox.amend(&event.id, None).await;
        }
        self.begin(Batch(vec![event]), task);
        Ok(())
    }

    /// Answers a call for help, and gives back what else is to be done about the event, without those words.
    async fn helped(&self, event: Event) -> Result<Option<Event>, StoreError> {
        let is_called = self.asks_for_help(&event);
        if is_called {
            // Before the store is asked for anything.
            self.help(&event).await;
        }
        if is_called && matches!(event.happened, Happening::Message(_)) {
            return Ok(None);
        }
        let Some(mut event) = self.of_concern(event).await? else {
            return Ok(None);
        };
        match &mut event.happened {
            // It was changed, and is answered now.
            Happening::Message(_) if is_called => return Ok(None),
            Happening::Edited(message) if self.ctx.settings.safety.is_acute(&message.text) => {
                // What it had said is still to be forgotten.
                let words = std::mem::take(&mut message.text);
                if !is_called {
                    self.help(&changed_to(&event, words)).await;
                }
            }
            _ => {}
        }
        Ok(Some(event))
    }

    /// Shows where help is, also when the store cannot be reached: then it may come twice, which harms nobody.
    async fn help(&self, event: &Event) {
        let (Happening::Message(message) | Happening::Edited(message)) = &event.happened else {
            return;
        };
        let distress = Event {
            id: match event.happened {
                Happening::Edited(_) => event.id.part("help"),
                _ => event.id.clone(),
            },
            happened: Happening::Distress {
                message: message.id.clone(),
                language: Language::of(&message.text),
            },
            ..event.clone()
        };
        match self.ctx.inbox.take(&distress).await {
            Ok(Arrival::Repeated) => return,
            Ok(Arrival::New) => {}
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "A call for help could not be kept; it is answered all the same."
            ),
        }
        self.begin(Batch(vec![distress]), Task::Help);
    }

    /// Takes up what was not answered before the last end, in the order in which it came, place by place; waits for the store if it fails.
    /// Once only: afterwards the inbox holds what is being answered.
    pub async fn resume(&self, platform: Platform) {
        let resumed = || {
            let resumed = self.ctx.resumed.0.lock();
            resumed.unwrap_or_else(PoisonError::into_inner)
        };
        if resumed().contains(&platform) {
            return;
        }
        while let Err(error) = self.try_to_resume(platform).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "The inbox cannot be read."
            );
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        resumed().insert(platform);
    }

    async fn try_to_resume(&self, platform: Platform) -> Result<(), StoreError> {
        for moved in self.ctx.moves.all() {
            self.move_along(&moved).await?;
        }
        // Nothing is begun before all of it could be read: whoever calls this again must find it as it was.
        let mut places: BTreeMap<PlaceId, Vec<(Batch, Task)>> = BTreeMap::new();
        for batch in self.ctx.inbox.unfinished().await? {
            let leader = batch.leader();
            if leader.platform != platform {
                continue;
            }
            let Some(task) = self.task_again(&batch).await? else {
                self.ctx.inbox.finish(&batch).await?;
                continue;
            };
            let place = places.entry(leader.venue.place.clone()).or_default();
            place.push((batch, task));
        }
        for place in places.into_values() {
            let this = self.clone();
            self.ctx.turns.spawn(async move {
                for (batch, task) in place {
                    tracing::info!(
                        event = batch.leader().id.as_str(),
                        "An event that was not answered before the restart is taken up again."
                    );
                    this.carry_out(batch, task).await;
                }
            });
        }
        Ok(())
    }

    /// Begins with a new event; words may be joined by more of them.
    fn begin(&self, batch: Batch, task: Task) {
        let event = batch.leader().clone();
        let persona = match &task {
            Task::Answer { persona } => persona.clone(),
            // A text that was too long for one message goes on in the next.
            Task::Dialogue if !event.words().starts_with('/') => None,
            _ => return self.handle(batch, task),
        };
        let speaker = Speaker::of(&event);
        match self.bursts.add(event, persona) {
            Added::More => {}
            Added::Instead(burst) => self.handle(burst.batch, task.of(burst.persona)),
            Added::First => {
                let this = self.clone();
                self.ctx.turns.spawn(async move {
                    if let Some(burst) = this.bursts.end(&speaker).await {
                        this.carry_out(burst.batch, task.of(burst.persona)).await;
                    }
                });
            }
        }
    }

    fn handle(&self, batch: Batch, task: Task) {
        let this = self.clone();
        // Begun here and not in the task, so that things about one message are done in the order in which they came.
        let dealing = self.underway.begin(task.messages(&batch));
        self.ctx
            .turns
            .spawn(async move { this.deal(batch, task, dealing).await });
    }

    async fn carry_out(&self, batch: Batch, task: Task) {
        let dealing = self.underway.begin(task.messages(&batch));
        self.deal(batch, task, dealing).await;
    }

    async fn deal(&self, batch: Batch, task: Task, dealing: Dealing) {
        if let Task::Amend { of, changed: None } = &task {
            dealing.take_back(of);
        }
        dealing.turn().await;
        // Its place may have moved while it waited.
        let batch = Batch(
            batch
                .0
                .into_iter()
                .map(|event| self.ctx.moves.settle(event))
                .collect(),
        );
        let done = match task {
            Task::Press => self.press(&batch).await,
            task => self.try_to_carry_out(&batch, task, &dealing).await,
        };
        if let Err(error) = done {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                event = batch.leader().id.as_str(),
                "The store failed; the event stays in the inbox."
            );
        }
    }

    /// Finds out what a pressed button asks for, and does it.
    async fn press(&self, batch: &Batch) -> Result<(), StoreError> {
        let Some(task) = self.pressed(batch.leader()).await? else {
            return self.ctx.inbox.finish(batch).await;
        };
        let dealing = self.underway.begin(task.messages(batch));
        dealing.turn().await;
        self.try_to_carry_out(batch, task, &dealing).await
    }
}

/// The event with its words as they will be read, so that what hides in them cannot make them something else afterwards.
fn cleaned(mut event: Event) -> Event {
    if let Happening::Message(message) | Happening::Edited(message) = &mut event.happened {
        message.text = clean_text(&message.text);
    }
    event
}

/// An edit with other words.
fn changed_to(event: &Event, words: String) -> Event {
    let mut event = event.clone();
    if let Happening::Edited(message) = &mut event.happened {
        message.text = words;
    }
    event
}
