//! Carries out what was decided: runs the turn or the command, and has what it shows delivered where it may be seen.

use std::sync::Arc;
use std::time::Duration;

use chatfriends_personas::{Language, PersonaId};
use tokio_util::sync::CancellationToken;

use super::{Intake, Shows, Task};
use crate::amend::Amendment;
use crate::commands::{self, Answer, Asked};
use crate::delivery::{Delivered, Delivery, Job};
use crate::gate::clean_text;
use crate::identity::{Audience, EventId, PersonId, Rank};
use crate::inbound::{Inbound, Manner};
use crate::inbox::{Batch, Sent};
use crate::invitations::Token;
use crate::memory::Part;
use crate::messages::Sentence;
use crate::metrics::{self, Count};
use crate::outlet::{Outlet, Show};
use crate::platforms::event::{Event, Happening};
use crate::platforms::{Address, Reach};
use crate::store::StoreError;
use crate::turn;
use crate::underway::Dealing;

/// How often it is tried to find out whether somebody can be told something in private.
const REACH_ATTEMPTS: u32 = 3;

impl Intake {
    /// Does what is to be done about a batch, and notes that it is done.
    pub(super) async fn try_to_carry_out(
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
                Some(batch) => batch,
                None => return Ok(()),
            },
            // At the daemon's end what it is about may not be over; both are taken up again after the restart.
            Task::Amend { .. } if self.ctx.lanes.is_closed() => return Ok(()),
            _ => batch.clone(),
        };
        let batch = &batch;
        let is_dialogue = matches!(task, Task::Dialogue);
        let is_amendment = matches!(task, Task::Amend { .. });
        let Some((shows, job)) = self.begun(batch, task, stop).await? else {
            if is_amendment && self.ctx.lanes.is_closed() {
                // It may have been cut short.
                return Ok(());
            }
            return inbox.finish(batch).await;
        };
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
        let leader = batch.leader();
        inbox.finish(batch).await?;
        if is_dialogue {
            self.ctx.dialogues.close(&leader.by.person).await?;
        }
        Ok(())
    }

    /// Begins with it: what it shows, and where; `None` when nothing is to be shown.
    async fn begun(
        &self,
        batch: &Batch,
        task: Task,
        stop: &CancellationToken,
    ) -> Result<Option<(Shows, Job)>, StoreError> {
        let leader = batch.leader();
        Ok(match task {
            Task::Answer { persona } => {
                self.ctx.inbox.join(batch).await?;
                let inbound = Inbound {
                    persona,
                    source: Some(leader.id.clone()),
                    ..inbound(batch)
                };
                Some((self.turn(inbound, stop), self.job(batch)))
            }
            Task::Command => self.command(batch).await?,
            Task::Dialogue => {
                self.ctx.inbox.join(batch).await?;
                Some((self.go_on(batch, stop).await?, self.job(batch)))
            }
            Task::Tell(sentence) => {
                let job = Job {
                    // What was said before all may be answered before all.
                    discreet: !matches!(leader.happened, Happening::Message(_)),
                    ..self.job(batch)
                };
                Some((said(&sentence, leader).await, job))
            }
            Task::Regenerate { of, asker, persona } => {
                Some(self.regenerate(batch, of, asker, persona, stop).await?)
            }
            Task::Help => {
                let Happening::Distress { language, .. } = &leader.happened else {
                    return Ok(None);
                };
                metrics::count(Count::HelpCards);
                let card = self.ctx.settings.safety.card().say(*language);
                Some((told(card).await, self.job(batch)))
            }
            Task::Stop { of, persona } => {
                self.stop(batch, of, persona, stop).await;
                None
            }
            Task::Amend { of, changed } => {
                let amendment = Amendment {
                    ctx: &self.ctx,
                    messenger: self.messenger.as_ref(),
                    event: leader,
                    of: &of,
                };
                match amendment.apply(changed.as_ref()).await? {
                    Some(text) => Some((told(text).await, self.job(batch))),
                    None => None,
                }
            }
            Task::Count(count) => {
                metrics::count(count);
                None
            }
            // Looked up in `press` before it comes here.
            Task::Press => None,
        })
    }

    /// Makes an earlier reply again, in its place.
    async fn regenerate(
        &self,
        batch: &Batch,
        of: EventId,
        asker: PersonId,
        persona: PersonaId,
        stop: &CancellationToken,
    ) -> Result<(Shows, Job), StoreError> {
        let instead_of = self.ctx.inbox.shown_for(&of).await?;
        let inbound = about(batch, of.clone(), persona, "/regenerate");
        let job = self.job(batch);
        let job = Job {
            asker,
            instead_of,
            // It is the earlier message that changes, not an answer to the press.
            at: Address {
                ticket: None,
                ..job.at
            },
            ..job
        };
        Ok((self.turn(inbound, stop), job))
    }

    /// Ends a reply where it stands, which says enough.
    async fn stop(&self, batch: &Batch, of: EventId, persona: PersonaId, stop: &CancellationToken) {
        let mut shows = self.turn(about(batch, of, persona, "/stop"), stop);
        while shows.recv().await.is_some() {}
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
        let makes_reply = meant.is_some_and(|(_, action)| action.answer == Answer::Reply);
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

    /// A command with what its author may do there: many that anybody may give are answered otherwise to a moderator, as are mistyped ones.
    pub(super) async fn ranked(&self, inbound: Inbound, event: &Event) -> Inbound {
        if inbound.rank != Rank::Member || event.by.rank.is_some() {
            return inbound;
        }
        let rank = self.rank(event).await;
        Inbound { rank, ..inbound }
    }

    /// What somebody may change where an event happened.
    pub(super) async fn rank(&self, event: &Event) -> Rank {
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

    pub(super) async fn deliver(
        &self,
        job: Job,
        shows: Shows,
        stop: &CancellationToken,
    ) -> Delivered {
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
    pub(super) fn turn(&self, inbound: Inbound, stop: &CancellationToken) -> Shows {
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
            several: self.ctx.rules_at(&leader.venue.levels).personas.rule.len() > 1,
            instead_of: Vec::<Sent>::new(),
        }
    }
}

/// What was written, as one message to the turn.
pub(super) fn inbound(batch: &Batch) -> Inbound {
    let leader = batch.leader();
    // Cleaned one by one, so that each one's lines can be found in the whole.
    let texts: Vec<String> = batch
        .0
        .iter()
        .map(|event| clean_text(event.words()))
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

/// Whether a batch is the command that ends what is going on.
pub(super) fn is_stop(batch: &Batch) -> bool {
    asked(&inbound(batch)).is_some_and(|asked| commands::is_stop(&asked))
}

/// A command about an earlier message.
fn about(batch: &Batch, of: EventId, persona: PersonaId, command: &str) -> Inbound {
    Inbound {
        persona: Some(persona),
        // Whoever may not was turned away before.
        rank: Rank::ManagesChannel,
        text: command.to_owned(),
        about: Some(of),
        ..inbound(batch)
    }
}

/// The command that a message is, where it is one that can be read.
fn asked(inbound: &Inbound) -> Option<Asked> {
    match &inbound.manner {
        Manner::Command(asked) => Some(asked.clone()),
        _ => Asked::read(inbound.text.strip_prefix('/')?).ok(),
    }
}

pub(super) fn language(batch: &Batch) -> Language {
    let text: String = batch.0.iter().map(Event::words).collect();
    // Most commands are the same in both.
    if text.chars().any(char::is_alphabetic) && !(text.starts_with('/') && text.is_ascii()) {
        Language::of(&text)
    } else {
        batch.leader().by.language
    }
}

/// A sentence in place of a turn.
pub(super) async fn said(sentence: &Sentence, event: &Event) -> Shows {
    told(sentence.say(event.by.language)).await
}

/// The same with a text.
pub(super) async fn told(text: String) -> Shows {
    let (out, shows) = Outlet::channel();
    out.notice(text).await;
    out.show(Show::Done { finish: None }).await;
    shows
}
