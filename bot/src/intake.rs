//! From what happens in chat apps to turns: decides whether to act, keeps what is acted on until it is answered, and joins bursts.
//!
//! What happens to a message after that is `turn.rs`; how its answer is shown is `delivery.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatfriends_personas::{Language, PersonaId};
use chrono::Utc;
use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use crate::amend::Amendment;
use crate::attention::{AnsweredMessage, Attention, Heard, Silence, may_still_call};
use crate::bursts::{Added, Bursts, Speaker};
use crate::commands::{Answer, Asked};
use crate::context::Context;
use crate::delivery::{Delivered, Delivery, Job, Paces};
use crate::gate::clean_text;
use crate::identity::{Audience, Conversation, EventId, PersonId, PlaceId, Platform, Rank};
use crate::inbound::{Inbound, Manner};
use crate::inbox::{Arrival, Batch, Posted, Sent};
use crate::invitations::Token;
use crate::memory::Part;
use crate::messages::Sentence;
use crate::metrics::{self, Count};
use crate::moves::Move;
use crate::outlet::{Outlet, Show};
use crate::platforms::event::{Event, Happening, Message};
use crate::platforms::reaction::{Reaction, verdict};
use crate::platforms::{Address, Button, MessageId, Messenger, Reach};
use crate::safety;
use crate::store::StoreError;
use crate::turn;
use crate::underway::{Dealing, Gone, Underway};

mod dialogue;

/// How often it is tried to find out whether somebody can be told something in private.
const REACH_ATTEMPTS: u32 = 3;

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
    /// The messages that it is about: those of a batch, or earlier ones.
    fn messages(&self, batch: &Batch) -> Vec<EventId> {
        match self {
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
        Self {
            ctx,
            messenger,
            bursts: Arc::default(),
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
        if let Some(distress) = self.distress(&event) {
            self.help(distress).await;
            return Ok(());
        }
        let Some(event) = self.of_concern(event).await? else {
            return Ok(());
        };
        let Some(task) = self.task(&event).await? else {
            return Ok(());
        };
        if self.ctx.inbox.take(&event).await? == Arrival::Repeated {
            tracing::debug!(event = event.id.as_str(), "An event came once more.");
            return Ok(());
        }
        if let (Happening::Message(_), Task::Answer { .. } | Task::Tell(_)) =
            (&event.happened, &task)
        {
            let rules = self.ctx.house.at(&event.venue.levels);
            self.ctx.tally.count(&rules, &event.by.person);
        }
        if self.gone.holds(&event.id) {
            return self.ctx.inbox.amend(&event.id, None).await;
        }
        self.begin(Batch(vec![event]), task);
        Ok(())
    }

    /// The same event without its words, if it is a message that asks us for help in distress.
    fn distress(&self, event: &Event) -> Option<Event> {
        let Happening::Message(message) = &event.happened else {
            return None;
        };
        let heard = Heard {
            event,
            message,
            rules: &self.ctx.house.at(&event.venue.levels),
            library: &self.ctx.library_at(&event.venue.levels),
        };
        heard.asks_for_help().then(|| Event {
            happened: Happening::Distress {
                message: message.id.clone(),
                language: Language::of(&message.text),
            },
            ..event.clone()
        })
    }

    /// Answers it, also when the store cannot be reached: then it may come twice, which harms nobody.
    async fn help(&self, distress: Event) {
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
        while let Err(error) = self.try_to_resume(platform).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "The inbox cannot be read."
            );
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
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
            let task = self.task(leader).await?;
            // It is answered as it would have been, whatever the rules have become.
            let task = task.unwrap_or(Task::Answer { persona: None });
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

    /// The event, unless it happened to a message that we know nothing of. A message that only now may call us is as good as new.
    async fn of_concern(&self, event: Event) -> Result<Option<Event>, StoreError> {
        let message = match &event.happened {
            Happening::Edited(message) => &message.id,
            Happening::Deleted(message) => message,
            _ => return Ok(Some(event)),
        };
        let of = Event::of_message(event.platform, &event.at, message);
        if self.ctx.inbox.knows(&of).await? || self.ctx.memory.scope_of(&of).await?.is_some() {
            return Ok(Some(event));
        }
        if let Happening::Deleted(_) = event.happened {
            self.gone.note(of.clone());
            // In this order: the message may have come in between, and then looks for this note after it is kept.
            return Ok(self.ctx.inbox.knows(&of).await?.then_some(event));
        }
        Ok(match event.happened {
            Happening::Edited(message) if may_still_call(event.at_ms, Utc::now()) => Some(Event {
                id: of,
                happened: Happening::Message(message),
                ..event
            }),
            _ => None,
        })
    }

    /// A place goes on under another id. On return that is noted; what was said there moves as soon as nobody speaks there any more, and those
    /// who speak at the new place wait for it.
    async fn moved(&self, moved: Move) -> Result<(), StoreError> {
        if !self.ctx.moves.note(&moved).await? {
            return Ok(());
        }
        let old = self.ctx.memory.conversations_at(&moved.from.place).await?;
        let there = |conversation: &Conversation| Conversation {
            place: moved.to.place.clone(),
            ..conversation.clone()
        };
        // Nobody speaks there yet, so these do not wait, and those who come next do.
        let new: Vec<Conversation> = old.iter().map(there).collect();
        let mut entered: Vec<_> = new
            .iter()
            .filter_map(|conversation| self.ctx.lanes.enter(conversation).now_or_never())
            .collect();
        let this = self.clone();
        self.ctx.turns.spawn(async move {
            for conversation in &old {
                entered.push(this.ctx.lanes.enter(conversation).await);
            }
            match this.move_along(&moved).await {
                Ok(()) => tracing::info!(to = moved.to.place.as_str(), "A group goes on under another id, and all that was kept of it moved along."),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "What was kept of a group could not be moved to its new id; it is tried again at the next start."
                ),
            }
            drop(entered);
        });
        Ok(())
    }

    /// Moves everything that is kept of a place. Doing it twice is the same as doing it once.
    async fn move_along(&self, Move { from, to }: &Move) -> Result<(), StoreError> {
        self.ctx.memory.move_place(&from.place, &to.place).await?;
        self.ctx.inbox.move_place(&from.place, to).await?;
        match (from.levels.last(), to.levels.last()) {
            (Some(from), Some(to)) => {
                self.ctx.house.rename(from, to).await?;
                self.ctx.studio.rename(from, to).await
            }
            _ => Ok(()),
        }
    }

    /// What is to be done about an event; `None` = nothing.
    async fn task(&self, event: &Event) -> Result<Option<Task>, StoreError> {
        match &event.happened {
            Happening::Message(message) => self.task_of_message(event, message).await,
            Happening::Command(_) => Ok(Some(Task::Command)),
            Happening::Distress { .. } => Ok(Some(Task::Help)),
            Happening::Pressed { .. } => Ok(Some(Task::Press)),
            Happening::Edited(message) => Ok(Some(Task::Amend {
                of: Event::of_message(event.platform, &event.at, &message.id),
                changed: Some(message.clone()),
            })),
            Happening::Deleted(message) => Ok(Some(Task::Amend {
                of: Event::of_message(event.platform, &event.at, message),
                changed: None,
            })),
            Happening::Reacted { on, emoji } => {
                let Some(count) = verdict(emoji).filter(|_| !event.by.is_bot) else {
                    return Ok(None);
                };
                let posted = self.ctx.inbox.posted(&event.venue.place, on).await?;
                let speaks = posted.is_some_and(|posted| posted.persona.is_some());
                Ok(speaks.then_some(Task::Count(count)))
            }
            Happening::Moved { .. } => Ok(None),
        }
    }

    async fn task_of_message(
        &self,
        event: &Event,
        message: &Message,
    ) -> Result<Option<Task>, StoreError> {
        if event.venue.audience == Audience::Private
            && self
                .ctx
                .dialogues
                .concerns(&event.by.person, &event.id, &message.text)
                .await?
        {
            return Ok(Some(Task::Dialogue));
        }
        let answered = match &message.answers {
            Some(ours) => self
                .posted_just_now(event, ours)
                .await?
                .map(|posted| AnsweredMessage {
                    persona: posted.persona,
                }),
            None => None,
        };
        let rules = self.ctx.house.at(&event.venue.levels);
        let library = self.ctx.library_at(&event.venue.levels);
        let heard = Heard {
            event,
            message,
            rules: &rules,
            library: &library,
        };
        let is_command = message.text.starts_with('/');
        let attention = match heard.attend(answered.as_ref(), Utc::now()) {
            Attention::Speak { .. } | Attention::WordsOnly
                if !is_command && !self.ctx.tally.allows(&rules, &event.by.person) =>
            {
                Attention::Sign(Reaction::Enough, Silence::TooMuch)
            }
            attention => attention,
        };
        Ok(match attention {
            Attention::Speak { .. } if is_command => Some(Task::Command),
            Attention::Speak { persona } => Some(Task::Answer { persona }),
            Attention::WordsOnly => Some(Task::Tell(Sentence::WordsOnly)),
            Attention::Sign(reaction, silence) => {
                self.react(event, &message.id, reaction);
                self.stay_silent(event, silence);
                None
            }
            Attention::Silent(silence) => {
                self.stay_silent(event, silence);
                None
            }
        })
    }

    fn stay_silent(&self, event: &Event, silence: Silence) {
        metrics::count(Count::MessagesIgnored);
        tracing::debug!(event = event.id.as_str(), ?silence, "Staying silent.");
        self.ctx
            .reasons
            .note_silence(&event.venue.place, &event.by.person, silence);
    }

    /// Puts a sign below a message, once: what does not arrive is not worth a second attempt.
    fn react(&self, event: &Event, message: &MessageId, reaction: Reaction) {
        let (messenger, at) = (Arc::clone(&self.messenger), event.at.clone());
        let message = message.clone();
        self.ctx.turns.spawn(async move {
            if let Err(error) = messenger.react(&at, &message, reaction).await {
                tracing::debug!(%error, "A sign below a message was not shown.");
            }
        });
    }

    /// What a pressed button asks for; `None` = nothing.
    async fn pressed(&self, event: &Event) -> Result<Option<Task>, StoreError> {
        let Happening::Pressed { on, button } = &event.happened else {
            return Ok(None);
        };
        let Some(posted) = self.posted_just_now(event, on).await? else {
            return Ok(Some(Task::Tell(Sentence::TooOld)));
        };
        let Some(persona) = posted.persona else {
            return Ok(None);
        };
        let theirs = posted.asker == event.by.person;
        if !theirs && self.rank(event).await < Rank::ManagesChannel {
            return Ok(Some(Task::Tell(Sentence::NotYourReply)));
        }
        Ok(Some(match button {
            Button::Stop => Task::Stop {
                of: posted.event,
                persona,
            },
            Button::Regenerate | Button::Renew => match self.kept_from(event) {
                Some(silence) => Task::Tell(Sentence::WhySilent(silence)),
                None => Task::Regenerate {
                    of: posted.event,
                    asker: posted.asker,
                    persona,
                },
            },
        }))
    }

    /// What keeps us from making a reply there now; otherwise it counts as one.
    fn kept_from(&self, event: &Event) -> Option<Silence> {
        let rules = self.ctx.house.at(&event.venue.levels);
        if rules.is_quiet(Utc::now()) {
            return Some(Silence::QuietHours);
        }
        if !self.ctx.tally.allows(&rules, &event.by.person) {
            return Some(Silence::TooMuch);
        }
        self.ctx.tally.count(&rules, &event.by.person);
        None
    }

    /// What a message of ours is about. A message is seen a moment before it is noted, and a button may be pressed in between, or an
    /// answer written.
    async fn posted_just_now(
        &self,
        event: &Event,
        message: &MessageId,
    ) -> Result<Option<Posted>, StoreError> {
        for _ in 0..6 {
            let posted = self.ctx.inbox.posted(&event.venue.place, message).await?;
            if posted.is_some() {
                return Ok(posted);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(None)
    }

    /// Begins with a new event; words may be joined by more of them.
    fn begin(&self, batch: Batch, task: Task) {
        let event = batch.leader().clone();
        let persona = match &task {
            Task::Answer { persona } => persona.clone(),
            // A text that was too long for one message goes on in the next.
            Task::Dialogue if !words(&event).starts_with('/') => None,
            _ => return self.handle(batch, task),
        };
        let speaker = Speaker {
            person: event.by.person.clone(),
            place: event.venue.place.clone(),
            thread: event.venue.thread.clone(),
            persona,
        };
        let limit = self.ctx.settings.limits.message_characters;
        let characters = words(&event).chars().count();
        match self.bursts.add(&speaker, event, characters, limit) {
            Added::More => {}
            Added::Instead(full) => self.handle(full, task),
            Added::First => {
                let this = self.clone();
                self.ctx.turns.spawn(async move {
                    if let Some(batch) = this.bursts.end(&speaker).await {
                        this.carry_out(batch, task).await;
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

    async fn try_to_carry_out(
        &self,
        batch: &Batch,
        task: Task,
        dealing: &Dealing,
    ) -> Result<(), StoreError> {
        let inbox = &self.ctx.inbox;
        let stop = dealing.stop();
        let batch = match task {
            // Words may have been changed or taken back while they waited.
            Task::Answer { .. } => match inbox.current(batch).await? {
                Some(batch) => &batch.clone(),
                None => return Ok(()),
            },
            _ => batch,
        };
        let leader = batch.leader();
        let is_dialogue = matches!(task, Task::Dialogue);
        let (shows, job) = match task {
            Task::Answer { persona } => {
                inbox.join(batch).await?;
                let inbound = Inbound {
                    persona,
                    source: Some(leader.id.clone()),
                    ..inbound(batch)
                };
                (self.turn(inbound, stop), self.job(batch))
            }
            Task::Command => match self.command(batch).await? {
                Some(given) => given,
                None => return inbox.finish(batch).await,
            },
            Task::Dialogue => {
                inbox.join(batch).await?;
                (self.go_on(batch, stop).await?, self.job(batch))
            }
            Task::Tell(sentence) => {
                let job = Job {
                    // What was said before all may be answered before all.
                    discreet: !matches!(leader.happened, Happening::Message(_)),
                    ..self.job(batch)
                };
                (said(&sentence, leader).await, job)
            }
            Task::Regenerate { of, asker, persona } => {
                let instead_of = inbox.shown_for(&of).await?;
                let inbound = Inbound {
                    persona: Some(persona),
                    // Whoever may not was turned away before.
                    rank: Rank::ManagesChannel,
                    text: "/regenerate".to_owned(),
                    about: Some(of.clone()),
                    ..inbound(batch)
                };
                let job = self.job(batch);
                let job = Job {
                    asker,
                    about: Some(of),
                    instead_of,
                    // It is the earlier message that changes, not an answer to the press.
                    at: Address {
                        ticket: None,
                        ..job.at
                    },
                    ..job
                };
                (self.turn(inbound, stop), job)
            }
            Task::Help => {
                let Happening::Distress { language, .. } = &leader.happened else {
                    return inbox.finish(batch).await;
                };
                metrics::count(Count::HelpCards);
                let card = safety::card(&self.ctx.settings.country).say(*language);
                (told(card).await, self.job(batch))
            }
            // Looked up in `press`.
            Task::Press => return inbox.finish(batch).await,
            Task::Stop { of, persona } => {
                let inbound = Inbound {
                    persona: Some(persona),
                    about: Some(of),
                    text: "/stop".to_owned(),
                    // Whoever may not was turned away before.
                    rank: Rank::ManagesChannel,
                    ..inbound(batch)
                };
                // The reply ends where it stands, which says enough.
                let mut shows = self.turn(inbound, stop);
                while shows.recv().await.is_some() {}
                return inbox.finish(batch).await;
            }
            Task::Amend { of, changed } => {
                // At the daemon's end what it is about may not be over; both are taken up again after the restart.
                if self.ctx.lanes.is_closed() {
                    return Ok(());
                }
                let amendment = Amendment {
                    ctx: &self.ctx,
                    messenger: self.messenger.as_ref(),
                    event: leader,
                    of: &of,
                };
                match amendment.apply(changed.as_ref()).await? {
                    Some(text) => (told(text).await, self.job(batch)),
                    None => return inbox.finish(batch).await,
                }
            }
            Task::Count(count) => {
                metrics::count(count);
                return inbox.finish(batch).await;
            }
        };
        let about = job.about.clone();
        let delivered = match self.deliver(job.clone(), shows, stop).await {
            Delivered::Unasked(form) => self.begin_dialogue(job, form, stop).await?,
            delivered => delivered,
        };
        match delivered {
            // Nothing was said because the daemon ends: it is answered after the restart.
            Delivered::Nothing if self.ctx.lanes.is_closed() => return Ok(()),
            Delivered::Unfinished => return Ok(()),
            Delivered::Whole | Delivered::Nothing | Delivered::Unasked(_) => {}
        }
        if let Some(about) = about {
            inbox.shown_as(&about, &batch.leader().id).await?;
        }
        inbox.finish(batch).await?;
        if is_dialogue {
            self.ctx.dialogues.close(&leader.by.person).await?;
        }
        Ok(())
    }

    /// What a command shows, and to whom; `None` when it had been carried out and its answer shown before a restart.
    async fn command(&self, batch: &Batch) -> Result<Option<(Shows, Job)>, StoreError> {
        let leader = batch.leader();
        let asking = self.ranked(inbound(batch), leader).await;
        let given = asked(&asking);
        let meant = given.as_ref().and_then(Asked::meant);
        let refused = given
            .as_ref()
            .zip(meant)
            .is_some_and(|(given, (_, action))| asking.rank < action.needs(given));
        let job = Job {
            // Whoever mistypes a command, or may not give it, need not do it before everybody.
            discreet: meant.is_none_or(|(_, action)| action.answer.is_discreet())
                || refused && leader.at.ticket.is_some(),
            ..self.job(batch)
        };
        if refused && !self.messenger.tells_ranks(&leader.at) {
            return Ok(Some((said(&Sentence::RankFromMenu, leader).await, job)));
        }
        let job = match self.reach(&job).await {
            Reach::Open => job,
            Reach::Unmet | Reach::Menu | Reach::Nobody
                if meant.is_none_or(|(_, action)| action.answer != Answer::Personal) =>
            {
                Job {
                    discreet: false,
                    ..job
                }
            }
            Reach::Unmet => {
                let job = Job {
                    discreet: false,
                    invitation: Some(self.ctx.invitations.invite(leader).await?),
                    ..job
                };
                return Ok(Some((said(&Sentence::OnlyInPrivate, leader).await, job)));
            }
            Reach::Menu => {
                let job = Job {
                    discreet: false,
                    ..job
                };
                return Ok(Some((said(&Sentence::OnlyFromMenu, leader).await, job)));
            }
            Reach::Nobody => {
                let job = Job {
                    discreet: false,
                    ..job
                };
                return Ok(Some((said(&Sentence::OnlyToPeople, leader).await, job)));
            }
        };
        if !self.ctx.inbox.begin(&leader.id).await? {
            if !self.ctx.inbox.sent(&leader.id).await?.is_empty() {
                return Ok(None);
            }
            return Ok(Some((
                said(&Sentence::CommandInterrupted, leader).await,
                job,
            )));
        }
        let makes_reply = meant.is_some_and(|(command, _)| command.name[0] == "regenerate");
        if let Some(silence) = makes_reply.then(|| self.kept_from(leader)).flatten() {
            return Ok(Some((
                said(&Sentence::WhySilent(silence), leader).await,
                job,
            )));
        }
        if let Some(event) = self.invited(&asking).await? {
            let job = Job {
                at: event.at.clone(),
                venue: event.venue.clone(),
                discreet: true,
                answers: None,
                ..job
            };
            let elsewhere = Batch(vec![event]);
            let asked = self.ranked(inbound(&elsewhere), elsewhere.leader()).await;
            return Ok(Some((self.turn(asked, &CancellationToken::new()), job)));
        }
        Ok(Some((self.turn(asking, &CancellationToken::new()), job)))
    }

    /// Whether what is shown reaches those who are to see it, and nobody else.
    async fn reach(&self, job: &Job) -> Reach {
        if !job.discreet || !job.at.shared {
            return Reach::Open;
        }
        for _ in 0..REACH_ATTEMPTS {
            match self.messenger.reach(&job.at).await {
                Ok(reach) => return reach,
                Err(error) => {
                    tracing::warn!(%error, "It could not be found out whether somebody can be told something in private.")
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // The delivery waits until the app can be reached.
        Reach::Open
    }

    /// What somebody had asked in a group before they followed our invitation into a private chat.
    async fn invited(&self, inbound: &Inbound) -> Result<Option<Event>, StoreError> {
        let Some(asked) = asked(inbound).filter(|asked| asked.command == "start") else {
            return Ok(None);
        };
        match asked.argument("from") {
            Some(token) if inbound.audience == Audience::Private => {
                let token = Token(token.to_owned());
                let invited = self.ctx.invitations.accept(&token, &inbound.person);
                Ok(invited.await?.map(|event| self.ctx.moves.settle(event)))
            }
            _ => Ok(None),
        }
    }

    /// With what the author may do there, where that matters.
    async fn ranked(&self, inbound: Inbound, event: &Event) -> Inbound {
        let asked = asked(&inbound);
        let needs = asked.and_then(|asked| Some(asked.meant()?.1.needs(&asked)));
        if inbound.rank != Rank::Member || event.by.rank.is_some() || needs <= Some(Rank::Member) {
            return inbound;
        }
        let rank = self.rank(event).await;
        Inbound { rank, ..inbound }
    }

    /// What somebody may change where an event happened.
    async fn rank(&self, event: &Event) -> Rank {
        if let Some(rank) = event.by.rank {
            return rank;
        }
        match self.messenger.rank(&event.at, &event.by.person).await {
            Ok(rank) => rank,
            Err(error) => {
                tracing::warn!(%error, "It could not be found out who somebody is in a group; they count as a member.");
                Rank::Member
            }
        }
    }

    async fn deliver(&self, job: Job, shows: Shows, stop: &CancellationToken) -> Delivered {
        let delivery = Delivery {
            messenger: Arc::clone(&self.messenger),
            inbox: self.ctx.inbox.clone(),
            paces: Arc::clone(&self.paces),
            job,
            stop: self.ctx.lanes.beside(),
            withdrawn: stop.clone(),
        };
        delivery.run(shows).await
    }

    /// Begins a turn, which is stopped when nobody wants it any more.
    fn turn(&self, inbound: Inbound, stop: &CancellationToken) -> Shows {
        let (out, shows) = Outlet::until(stop);
        self.ctx
            .turns
            .spawn(turn::run(Arc::clone(&self.ctx), inbound, out));
        shows
    }

    fn job(&self, batch: &Batch) -> Job {
        let leader = batch.leader();
        let newest = batch.0.last().expect("a batch is never empty");
        let private = leader.venue.audience == Audience::Private;
        Job {
            event: leader.id.clone(),
            about: None,
            at: newest.at.clone(),
            place: leader.venue.place.clone(),
            venue: leader.venue.clone(),
            asker: leader.by.person.clone(),
            language: language(batch),
            answers: match &newest.happened {
                Happening::Message(message) | Happening::Edited(message) if !private => {
                    Some(message.id.clone())
                }
                Happening::Distress { message, .. } if !private => Some(message.clone()),
                _ => None,
            },
            discreet: false,
            invitation: None,
            several: self.ctx.house.at(&leader.venue.levels).personas.rule.len() > 1,
            instead_of: Vec::<Sent>::new(),
        }
    }
}

/// What was written, as one message to the turn.
fn inbound(batch: &Batch) -> Inbound {
    let leader = batch.leader();
    // Cleaned one by one, so that each one's lines can be found in the whole.
    let texts: Vec<String> = batch
        .0
        .iter()
        .map(|event| clean_text(words(event)))
        .collect();
    let parts = batch
        .0
        .iter()
        .zip(&texts)
        .map(|(event, text)| Part::of(event.id.clone(), text))
        .collect();
    let text: Vec<&str> = texts
        .iter()
        .map(String::as_str)
        .filter(|words| !words.is_empty())
        .collect();
    let private = leader.venue.audience == Audience::Private;
    let (text, manner) = match &leader.happened {
        Happening::Command(asked) => (asked.to_string(), Manner::Command(asked.clone())),
        _ => (text.join("\n"), Manner::Talk),
    };
    Inbound {
        person: leader.by.person.clone(),
        name: leader.by.name.clone(),
        place: leader.venue.place.clone(),
        thread: leader.venue.thread.clone(),
        audience: leader.venue.audience.clone(),
        levels: leader.venue.levels.clone(),
        // Whoever talks with the bot alone rules over that chat.
        rank: if private {
            Rank::ManagesAll
        } else {
            leader.by.rank.unwrap_or(Rank::Member)
        },
        persona: None,
        text,
        language: leader.by.language,
        manner,
        source: None,
        parts,
        about: None,
    }
}

/// The event with its words as they will be read, so that what hides in them cannot make them something else afterwards.
fn cleaned(mut event: Event) -> Event {
    if let Happening::Message(message) | Happening::Edited(message) = &mut event.happened {
        message.text = clean_text(&message.text);
    }
    event
}

/// The command that a message is, where it is one that can be read.
fn asked(inbound: &Inbound) -> Option<Asked> {
    match &inbound.manner {
        Manner::Command(asked) => Some(asked.clone()),
        _ => Asked::read(inbound.text.strip_prefix('/')?).ok(),
    }
}

fn words(event: &Event) -> &str {
    match &event.happened {
        Happening::Message(message) | Happening::Edited(message) => &message.text,
        _ => "",
    }
}

fn language(batch: &Batch) -> Language {
    let text: String = batch.0.iter().map(words).collect();
    if text.chars().any(char::is_alphabetic) && !text.starts_with('/') {
        Language::of(&text)
    } else {
        batch.leader().by.language
    }
}

/// A sentence in place of a turn.
async fn said(sentence: &Sentence, event: &Event) -> Shows {
    told(sentence.say(event.by.language)).await
}

/// The same with a text.
async fn told(text: String) -> Shows {
    let (out, shows) = Outlet::channel();
    out.notice(text).await;
    out.show(Show::Done { finish: None }).await;
    shows
}
