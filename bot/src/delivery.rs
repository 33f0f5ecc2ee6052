//! From what a turn shows to messages in a chat app: one reply is one or several messages that grow by edits until it is whole.
//!
//! Two halves run side by side. One reads what is shown and never waits for the app; the other makes the app show the newest state, no faster
//! than the app allows, and does not end before all of it is there.

use std::sync::Arc;
use std::time::Duration;

use chatfriends_personas::{Language, PersonaId};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::back_off::BackOff;
use crate::identity::{EventId, PersonId, PlaceId};
use crate::inbox::{Inbox, Posting, Sent};
use crate::invitations::Token;
use crate::messages::Sentence;
use crate::outlet::{Form, Show};
use crate::paces::{Paces, Scene};
use crate::platforms::event::Venue;
use crate::platforms::text::styled::Styled;
use crate::platforms::{
    Address, Button, File, Manners, MessageId, Messenger, Post, PostKey, SendError, Voice,
};

/// A reply is first shown so long after its first word, so that short ones are not shown in halves.
const GATHERING: Duration = Duration::from_millis(500);
/// A message in the making vanishes after half a minute, and is shown anew before.
const SKETCH_AGAIN: Duration = Duration::from_secs(20);
/// Shortest and longest wait between two attempts to reach an app.
const SHORTEST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// Shows one turn in a chat app.
#[derive(Debug)]
pub struct Delivery {
    /// The app.
    pub messenger: Arc<dyn Messenger>,
    /// Keeps what was sent.
    pub inbox: Inbox,
    /// When messages may be changed, place by place.
    pub paces: Arc<Paces>,
    /// What is delivered, and where.
    pub job: Job,
    /// Cancelled when the daemon has no more time; what is not shown by then is shown after the restart.
    pub stop: CancellationToken,
    /// Cancelled when the words that are answered are taken back; what is not shown by then is not shown at all.
    pub withdrawn: CancellationToken,
}

/// What is delivered, and where.
#[derive(Debug, Clone)]
pub struct Job {
    /// The event that is answered.
    pub event: EventId,
    /// Where.
    pub at: Address,
    /// The same, as memory and inbox know it.
    pub place: PlaceId,
    /// Where what is answered was said, for rules and rights.
    pub venue: Venue,
    /// Who is answered.
    pub asker: PersonId,
    /// The language of the bot's own words.
    pub language: Language,
    /// The message that is answered, where others stand between.
    pub answers: Option<MessageId>,
    /// Whether only the asker is to see it.
    pub discreet: bool,
    /// What a button that opens a private chat brings there.
    pub invitation: Option<Token>,
    /// Whether several personas answer there.
    pub several: bool,
    /// Messages that show an earlier answer and are to show this one.
    pub instead_of: Vec<Sent>,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// Everything is there, or never will be.
    Whole,
    /// There was nothing to show.
    Nothing,
    /// The daemon ended before.
    Unfinished,
    /// There is a form, and the app shows none.
    Unasked(Form),
}

/// What was shown so far.
#[derive(Debug, Clone, Default)]
struct Board {
    speaker: Option<(PersonaId, String)>,
    blocks: Vec<Block>,
    form: Option<Form>,
    /// The event whose words are answered once more.
    again: Option<EventId>,
    /// Since when a reply is being made that could be stopped.
    speaking_since: Option<Instant>,
    ended: bool,
}

#[derive(Debug, Clone)]
enum Block {
    /// The persona's words.
    Reply(String),
    /// The bot's own.
    Notice(String),
    /// The bot's own, about what the asker did: nobody else need see it.
    Trouble(String),
    /// What the bot hands over.
    File(File),
}

/// A message as the app shows it.
#[derive(Debug)]
struct Shown {
    sent: Sent,
    /// `None` when that is not known, as after a restart.
    post: Option<Post>,
}

/// A message in the making, as the app shows it for a while.
#[derive(Debug, Default)]
struct Sketch {
    post: Option<Post>,
    /// When it was shown last.
    at: Option<Instant>,
    /// What the app wants us to wait beyond its pace.
    wait: Duration,
}

impl Sketch {
    /// When the next one is due.
    fn due(&self, growing: Option<&Post>, since: Option<Instant>, manners: Manners) -> Instant {
        match self.at {
            None => since.unwrap_or_else(Instant::now) + GATHERING,
            Some(at) if self.post.as_ref() == growing => at + SKETCH_AGAIN.max(self.wait),
            Some(at) => at + manners.pace.max(self.wait),
        }
    }
}

impl Delivery {
    /// Shows everything that comes, to the end.
    pub async fn run(self, shows: mpsc::Receiver<Show>) -> Delivered {
        let (board, changes) = watch::channel(Board::default());
        let ((), delivered) = tokio::join!(read(shows, board), self.write(changes));
        delivered
    }

    async fn write(&self, mut changes: watch::Receiver<Board>) -> Delivered {
        let mut shown = self.earlier().await;
        let mut sketch = Sketch::default();
        let mut back_off = BackOff::new(SHORTEST_BACK_OFF, LONGEST_BACK_OFF);
        let mut wrote = Instant::now();
        let manners = self.messenger.manners(&self.job.at);
        // A turn that shows its end at once needs no sign of writing.
        let mut sign_at = Instant::now() + Duration::from_millis(300);
        loop {
            let board = changes.borrow_and_update().clone();
            if self.withdrawn.is_cancelled() {
                drain(&mut changes).await;
                return Delivered::Whole;
            }
            if board.ended
                && let Some(form) = &board.form
            {
                return self.ask(form).await;
            }
            if !self.job.instead_of.is_empty()
                && let Some(Block::Notice(_) | Block::Trouble(_)) = board.blocks.first()
                && shown
                    .iter()
                    .all(|shown| shown.post.is_none() && self.job.instead_of.contains(&shown.sent))
            {
                // There is no other reply, and the sentence that says so must not take the place of the one there is.
                shown.clear();
            }
            let mut wanted = self.wanted(&board);
            if board.ended && shown.iter().any(|shown| shown.sent == Sent::Perhaps) {
                wanted.push(self.doubt());
            }
            // A piece that still grows is sketched, where the app can do that, and posted when it is whole.
            let growing = self
                .sketches(&board, &shown, &wanted)
                .then(|| wanted.pop())
                .flatten();
            let Some(step) = next_step(&shown, &wanted) else {
                if board.ended && shown.is_empty() {
                    return Delivered::Nothing;
                }
                if board.ended {
                    self.replace(&board).await;
                    return Delivered::Whole;
                }
                let writes = shown.is_empty() && sketch.post.is_none();
                let sketch_at = sketch.due(growing.as_ref(), board.speaking_since, manners);
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return Delivered::Whole },
                    () = sleep_until(sketch_at), if growing.is_some() => {
                        if let Some(post) = growing {
                            self.sketch(&mut sketch, wanted.len(), post).await;
                        }
                    }
                    () = sleep_until(sign_at), if writes => {
                        self.sign().await;
                        // A sign that ends before the next one comes would flicker.
                        sign_at = Instant::now() + manners.typing_lasts.mul_f32(0.8);
                    }
                }
                continue;
            };
            let due = match (shown.is_empty(), board.speaking_since) {
                (true, Some(since)) => since + GATHERING,
                (true, None) => Instant::now(),
                (false, _) => wrote + manners.pace,
            };
            if let Err(due) = self.paces.take(&self.scene(), due, manners) {
                // Afterwards there may be more to show, in one go; a short reply that has come to its end meanwhile is shown whole.
                tokio::select! {
                    () = sleep_until(due) => {}
                    // At the end nothing changes any more.
                    changed = changes.changed(), if shown.is_empty() && !board.ended => drop(changed),
                    () = self.withdrawn.cancelled() => {}
                    () = self.stop.cancelled() => return Delivered::Unfinished,
                }
                continue;
            }
            let about = board.again.as_ref().unwrap_or(&self.job.event);
            let outcome = self.perform(step, &mut shown, &wanted, about).await;
            wrote = Instant::now();
            self.paces.note(&self.scene(), manners);
            let wait = match outcome {
                Ok(()) => {
                    back_off.reset();
                    continue;
                }
                Err(Setback::Wait(wait)) => {
                    // Whoever else shows something there would only make it longer.
                    self.paces.wait(&self.scene(), wait);
                    continue;
                }
                Err(Setback::Again) => back_off.wait(),
                Err(Setback::GiveUp) => {
                    // Nobody would see the rest.
                    self.withdrawn.cancel();
                    drain(&mut changes).await;
                    return Delivered::Whole;
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.withdrawn.cancelled() => {}
                () = self.stop.cancelled() => return Delivered::Unfinished,
            }
        }
    }

    /// Whether the last of these messages is to be sketched: it still grows, and nothing of it is there yet.
    fn sketches(&self, board: &Board, shown: &[Shown], wanted: &[Post]) -> bool {
        let grows = !board.ended
            && board.speaking_since.is_some()
            && matches!(board.blocks.last(), Some(Block::Reply(_)));
        grows
            && shown.len() < wanted.len()
            && self.job.instead_of.is_empty()
            && self.messenger.sketches(&self.job.at)
    }

    /// Shows what a message is going to be. Nobody misses anything if that fails: the message itself comes.
    async fn sketch(&self, sketch: &mut Sketch, index: usize, post: Post) {
        let mut wait = Duration::ZERO;
        if let Err(error) = self
            .messenger
            .sketch(&self.job.at, &post, &self.key(index))
            .await
        {
            tracing::debug!(%error, "A message in the making was not shown.");
            wait = match error {
                SendError::Throttled { retry_after } => retry_after,
                _ => SKETCH_AGAIN,
            };
        }
        *sketch = Sketch {
            post: Some(post),
            at: Some(Instant::now()),
            wait,
        };
    }

    fn scene(&self) -> Scene {
        let alone = self.job.discreet.then(|| self.job.asker.clone());
        (self.job.place.clone(), alone)
    }

    fn key(&self, index: usize) -> PostKey {
        PostKey(format!("{}/{index}", self.job.event.as_str()))
    }

    /// A form that is not shown at once is none: its command can be given again.
    async fn ask(&self, form: &Form) -> Delivered {
        if !self.messenger.shows_forms() {
            return Delivered::Unasked(form.clone());
        }
        if let Err(error) = self.messenger.ask(&self.job.at, form).await {
            tracing::warn!(%error, "A form could not be shown.");
        }
        Delivered::Whole
    }

    /// What was shown before a restart, or shows an earlier answer.
    async fn earlier(&self) -> Vec<Shown> {
        let sent = match self.inbox.sent(&self.job.event).await {
            Ok(sent) if sent.is_empty() => {
                // Nothing can be shown in place of what may not be there.
                let there = |sent: &&Sent| **sent != Sent::Perhaps;
                self.job.instead_of.iter().filter(there).cloned().collect()
            }
            Ok(sent) => sent,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "What was sent before could not be read."
                );
                Vec::new()
            }
        };
        sent.into_iter()
            .map(|sent| Shown { sent, post: None })
            .collect()
    }

    /// The messages that the app is to show now.
    fn wanted(&self, board: &Board) -> Vec<Post> {
        let mut posts = Vec::new();
        let last_reply = board
            .blocks
            .iter()
            .rposition(|block| matches!(block, Block::Reply(_)));
        for (index, block) in board.blocks.iter().enumerate() {
            let discreet = self.job.discreet
                || matches!(block, Block::Trouble(_)) && self.job.at.ticket.is_some();
            let (voice, pieces, file) = match block {
                Block::Reply(text) => {
                    let voice = self.voice(board);
                    let pieces = self.messenger.pieces(text, &voice);
                    (voice, pieces, None)
                }
                Block::Notice(text) | Block::Trouble(text) => {
                    let text = self.messenger.worded(&self.job.at, text);
                    let pieces = self.messenger.pieces(&text, &Voice::Bot);
                    (Voice::Bot, pieces, None)
                }
                Block::File(file) => (Voice::Bot, vec![Styled::default()], Some(file)),
            };
            let count = pieces.len();
            for (piece_index, text) in pieces.into_iter().enumerate() {
                let ends_reply = Some(index) == last_reply && piece_index + 1 == count;
                posts.push(Post {
                    voice: voice.clone(),
                    text,
                    file: file.cloned(),
                    // A draft can be tried again, but what it says is no answer that could be made anew.
                    buttons: match (ends_reply && board.speaker.is_some(), board.ended) {
                        (false, _) => Vec::new(),
                        (true, true) => vec![Button::Regenerate],
                        (true, false) if board.speaking_since.is_some() => vec![Button::Stop],
                        (true, false) => Vec::new(),
                    },
                    answers: self.job.answers.clone().filter(|_| posts.is_empty()),
                    discreet,
                    invitation: self.job.invitation.clone(),
                    language: self.job.language,
                });
            }
        }
        posts
    }

    /// Says that something may be missing: what may have arrived is not repeated.
    fn doubt(&self) -> Post {
        let sentence = Sentence::MayBeMissing.say(self.job.language);
        let mut pieces = self.messenger.pieces(&sentence, &Voice::Bot);
        Post {
            voice: Voice::Bot,
            text: pieces.swap_remove(0),
            file: None,
            buttons: Vec::new(),
            answers: None,
            discreet: self.job.discreet,
            invitation: None,
            language: self.job.language,
        }
    }

    fn voice(&self, board: &Board) -> Voice {
        match board.speaker.clone() {
            Some((id, name)) => Voice::Persona {
                id,
                name,
                named: self.job.several,
            },
            None => Voice::Draft,
        }
    }

    async fn perform(
        &self,
        step: Step,
        shown: &mut Vec<Shown>,
        wanted: &[Post],
        about: &EventId,
    ) -> Result<(), Setback> {
        let at = &self.job.at;
        match step {
            Step::Post(index) => {
                let post = &wanted[index];
                let sent = self.post(index, post, about).await?;
                shown.push(Shown {
                    sent,
                    post: Some(post.clone()),
                });
                Ok(())
            }
            Step::Edit(index) => {
                let post = &wanted[index];
                let Sent::As(message) = shown[index].sent.clone() else {
                    // It may have arrived in an earlier state; whoever misses the rest is told how to get it.
                    shown[index].post = Some(post.clone());
                    return Ok(());
                };
                match self.messenger.edit(at, &message, post).await {
                    Ok(()) => {}
                    Err(SendError::Moved(cause)) => {
                        tracing::info!(%cause, "A reply goes on where its group does.");
                        shown.truncate(index);
                        return Ok(());
                    }
                    Err(SendError::Gone(cause))
                        if self.job.instead_of.contains(&shown[index].sent) =>
                    {
                        tracing::info!(%cause, "A part of an earlier reply is gone; what was to stand there goes elsewhere.");
                        shown.remove(index);
                        return Ok(());
                    }
                    Err(SendError::Gone(cause) | SendError::Refused(cause)) => {
                        tracing::warn!(%cause, "A message could not be changed; it stays as it is.");
                    }
                    Err(error) => return Err(self.setback(error)),
                }
                if self.job.instead_of.contains(&shown[index].sent) {
                    self.note(index, &shown[index].sent, post, about).await;
                }
                shown[index].post = Some(post.clone());
                Ok(())
            }
            Step::Remove => {
                let last = shown.last().expect("there is more than is wanted");
                if let Sent::As(message) = &last.sent {
                    let of_persona = |post: &&Post| post.voice != Voice::Bot;
                    let voice = last
                        .post
                        .as_ref()
                        .or_else(|| wanted.iter().find(of_persona))
                        .map_or(&Voice::Bot, |post| &post.voice);
                    match self.messenger.remove(at, message, voice).await {
                        Ok(())
                        | Err(SendError::Moved(_) | SendError::Gone(_) | SendError::Refused(_)) => {
                        }
                        Err(error) => return Err(self.setback(error)),
                    }
                }
                shown.pop();
                self.unnote(shown.len()).await;
                Ok(())
            }
        }
    }

    async fn post(&self, index: usize, post: &Post, about: &EventId) -> Result<Sent, Setback> {
        let posts_once = self.messenger.posts_once(&self.job.at, post).await;
        if !posts_once {
            // If the daemon dies between this and the answer, it cannot know whether the message arrived, and does not repeat it.
            self.note(index, &Sent::Perhaps, post, about).await;
        }
        let sent = match self
            .messenger
            .post(&self.job.at, post, &self.key(index))
            .await
        {
            Ok(message) => Sent::As(message),
            Err(SendError::Unconfirmed(cause)) if !posts_once => {
                tracing::warn!(%cause, "It is not known whether a message arrived; it is not repeated.");
                Sent::Perhaps
            }
            Err(SendError::Unconfirmed(_)) => return Err(Setback::Again),
            Err(error) => {
                // It surely did not arrive, so after a restart it may be sent.
                if !posts_once {
                    self.unnote(index).await;
                }
                return Err(self.setback(error));
            }
        };
        self.note(index, &sent, post, about).await;
        Ok(sent)
    }

    async fn note(&self, index: usize, sent: &Sent, post: &Post, about: &EventId) {
        let persona = match &post.voice {
            Voice::Persona { id, .. } => Some(id),
            Voice::Bot | Voice::Draft => None,
        };
        let posting = Posting {
            event: &self.job.event,
            about,
            place: &self.job.place,
            asker: &self.job.asker,
            persona,
        };
        if let Err(error) = self.inbox.note_sent(&posting, index, sent).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "A message was shown but could not be noted."
            );
        }
    }

    /// A reply to words that were answered before is their answer from now on.
    async fn replace(&self, board: &Board) {
        let is_reply = |block: &Block| matches!(block, Block::Reply(_));
        let Some(of) = board
            .again
            .as_ref()
            .filter(|_| board.blocks.iter().any(is_reply))
        else {
            return;
        };
        if let Err(error) = self.inbox.shown_as(of, &self.job.event).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "A message was answered again, and that could not be noted."
            );
        }
    }

    async fn unnote(&self, index: usize) {
        if let Err(error) = self.inbox.note_unsent(&self.job.event, index).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "A message was not shown, and that could not be noted."
            );
        }
    }

    fn setback(&self, error: SendError) -> Setback {
        let place = self.job.place.as_str();
        match error {
            SendError::Throttled { retry_after } => {
                tracing::debug!(place, ?retry_after, "The app asks us to wait.");
                Setback::Wait(retry_after)
            }
            SendError::Unreachable(cause) | SendError::Unconfirmed(cause) => {
                tracing::warn!(place, %cause, "A message could not be sent yet.");
                Setback::Again
            }
            SendError::Moved(cause) | SendError::Gone(cause) => {
                tracing::warn!(place, %cause, "A reply cannot be shown.");
                Setback::GiveUp
            }
            SendError::Refused(cause) => {
                tracing::error!(place, %cause, "The app refused a reply.");
                Setback::GiveUp
            }
        }
    }

    async fn sign(&self) {
        if self.job.discreet {
            return;
        }
        if let Err(error) = self.messenger.typing(&self.job.at).await {
            tracing::debug!(%error, "The sign of writing was not shown.");
        }
    }
}

/// Reads what is shown until its end.
async fn read(mut shows: mpsc::Receiver<Show>, board: watch::Sender<Board>) {
    while let Some(show) = shows.recv().await {
        board.send_modify(|board| board.take(show));
    }
    board.send_modify(|board| board.ended = true);
}

/// Waits for the end of what nobody can see.
async fn drain(changes: &mut watch::Receiver<Board>) {
    // An error means that the other half has ended.
    drop(changes.wait_for(|board| board.ended).await);
}

impl Board {
    fn take(&mut self, show: Show) {
        match show {
            Show::Answering { persona, name } => self.speaker = Some((persona, name)),
            Show::Again { of } => self.again = Some(of),
            Show::Text { text } => {
                self.speaking_since.get_or_insert_with(Instant::now);
                match self.blocks.last_mut() {
                    Some(Block::Reply(reply)) => reply.push_str(&text),
                    _ => self.blocks.push(Block::Reply(text)),
                }
            }
            Show::Notice { text } => self.blocks.push(Block::Notice(text)),
            Show::Trouble { text, .. } => self.blocks.push(Block::Trouble(text)),
            Show::File { name, text } => self.blocks.push(Block::File(File { name, text })),
            Show::Done { .. } => self.speaking_since = None,
            Show::Form { form } => self.form = Some(form),
            Show::Taken { .. } | Show::Persona { .. } => {}
        }
    }
}

/// The first thing in which what is shown differs from what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Edit(usize),
    Post(usize),
    Remove,
}

fn next_step(shown: &[Shown], wanted: &[Post]) -> Option<Step> {
    let differs = |(shown, wanted): (&Shown, &Post)| shown.post.as_ref() != Some(wanted);
    if let Some(index) = shown.iter().zip(wanted).position(differs) {
        return Some(Step::Edit(index));
    }
    match shown.len() {
        fewer if fewer < wanted.len() => Some(Step::Post(fewer)),
        // Nothing is taken away before there is something in its place.
        more if more > wanted.len() && !wanted.is_empty() => Some(Step::Remove),
        _ => None,
    }
}

/// What follows from an error.
enum Setback {
    Wait(Duration),
    Again,
    GiveUp,
}

#[cfg(test)]
mod tests;
