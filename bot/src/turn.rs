//! What happens to a message, from top to bottom: every surface hands it in here, and everything shown comes out here.
//!
//! Each step takes a value and returns a value. Decisions stand here; the functions called do one thing.

use std::sync::Arc;
use std::time::Duration;

use chatfriends_engine::{EngineError, Message, Readiness, Request};
use chatfriends_personas::{Language, Persona};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::brains::{Seat, overlaid};
use crate::clock::now_ms;
use crate::commands;
use crate::compose::{Draft, Ingredients, Prompt, Room, Share, TooLong, Voices};
use crate::context::Context;
use crate::gate::{self, Admitted, PlaceInLine};
use crate::identity::{Audience, Conversation, Owner, PersonId, Rank, Scope};
use crate::inbound::{Inbound, Manner, Wishes};
use crate::lanes::{InLane, Whose};
use crate::memory::{Known, Said, Turn, TurnId};
use crate::messages::Sentence;
use crate::metrics::{self, Count};
use crate::outlet::{Ending, Finished, Outlet, Show, TroubleKind};
use crate::reasons::{Reason, Watch};
use crate::speak::{Silent, Spoke, over, speak};
use crate::store::StoreError;

/// Takes a message and answers it; the last thing shown is [`Show::Done`].
pub async fn run(ctx: Arc<Context>, inbound: Inbound, out: Outlet) {
    let language = inbound.language;
    let turn = take(ctx, inbound, Past::Remembered, out.clone());
    guarded(turn, language, out).await;
}

/// Answers a program that brings its whole conversation along: nothing is looked up and nothing is kept.
pub async fn run_alone(ctx: Arc<Context>, inbound: Inbound, history: Vec<Message>, out: Outlet) {
    let language = inbound.language;
    let turn = take(ctx, inbound, Past::Brought(history), out.clone());
    guarded(turn, language, out).await;
}

/// What was said before a message.
enum Past {
    /// The log of its conversation.
    Remembered,
    /// What came with it.
    Brought(Vec<Message>),
}

/// A panic ends one turn, never the daemon.
async fn guarded(
    turn: impl Future<Output = Option<Finished>> + Send + 'static,
    language: Language,
    out: Outlet,
) {
    let finish = match tokio::spawn(turn).await {
        Ok(finish) => finish,
        Err(panic) => {
            tracing::error!(%panic, "A turn ended in a panic.");
            metrics::count(Count::TurnPanics);
            out.trouble(&Sentence::Fault, language).await;
            None
        }
    };
    out.show(Show::Done { finish }).await;
}

async fn take(ctx: Arc<Context>, inbound: Inbound, past: Past, out: Outlet) -> Option<Finished> {
    metrics::count(Count::Messages);
    // Before the gate, the persona, the engine and the store: the card comes whatever is too long, full or broken, and is kept nowhere.
    let words = gate::clean_text(&inbound.text);
    if let Some(card) = ctx.settings.safety.card_for(&words) {
        metrics::count(Count::HelpCards);
        out.notice(card.say(Language::of(&words))).await;
        return None;
    }
    let surface_language = inbound.language;
    let admitted = match ctx.gate.check(inbound) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            out.trouble(&refusal, surface_language).await;
            return None;
        }
    };
    let language = admitted.language();

    let outcome = match (admitted.command_line(), past) {
        (Some(line), _) => commands::run(&ctx, &admitted, line, &out).await,
        (None, Past::Brought(history)) => answer_alone(&ctx, &admitted, &history, &out)
            .await
            .map(Some),
        (None, Past::Remembered) => answer(&ctx, &admitted, &out).await.map(Some),
    };
    match outcome {
        Ok(finish) => finish,
        // Whoever asked for it knows. At the daemon's end nobody did, but what waits in the inbox is answered after the restart.
        Err(Trouble::Stopped) if !ctx.lanes.is_closed() || admitted.inbound().source.is_some() => {
            None
        }
        Err(trouble) => {
            trouble.log();
            let sentence = trouble.sentence();
            let wanted_reply = admitted.command_line().is_none();
            if wanted_reply
                && matches!(
                    sentence.trouble(),
                    TroubleKind::Unavailable | TroubleKind::Fault
                )
            {
                metrics::count(Count::RepliesFailed);
            }
            out.trouble(&sentence, language).await;
            None
        }
    }
}

async fn answer(
    ctx: &Arc<Context>,
    admitted: &Admitted,
    out: &Outlet,
) -> Result<Finished, Trouble> {
    let persona = ctx.persona_for(admitted.inbound())?;
    let stage = Stage::enter(ctx, admitted, persona, out).await?;
    let mut known = ctx.memory.recall(&stage.scope, admitted.text()).await?;
    if let Some(turn) = interrupted(&mut known, admitted) {
        return stage.take_up(turn, &known).await;
    }
    let mut prompt = stage.fit(stage.draft(&known)).await?;
    if prompt.turns_left_out > 0 {
        // The memory and the summary may have been sent with a turn that is left out.
        known = ctx.memory.recall_all(&stage.scope, admitted.text()).await?;
        prompt = stage.fit(stage.draft(&known)).await?;
    }
    let window = prompt.window;
    let turn = ctx
        .memory
        .open_turn(&stage.scope, stage.said(&prompt, &known))
        .await?;
    out.show(Show::Taken { turn: turn.0 }).await;
    let spoke = stage
        .speak(prompt, &wishes(admitted), Attempt::First)
        .await?;
    let finish = stage.keep(turn, spoke, window).await?;
    stage.disclose().await;
    Ok(finish)
}

/// Answers the last message of the conversation with a persona once more, differently, in place of the earlier reply; `Ok(None)` when nothing
/// was said yet.
///
/// # Errors
/// As for a new message.
pub async fn again(
    ctx: &Arc<Context>,
    admitted: &Admitted,
    persona: Arc<Persona>,
    out: &Outlet,
) -> Result<Option<Finished>, Trouble> {
    let mut stage = Stage::enter(ctx, admitted, persona, out).await?;
    let mut known = ctx.memory.recall(&stage.scope, "").await?;
    let Some(last) = known.window.last() else {
        return Ok(None);
    };
    let about = &admitted.inbound().about;
    if about.is_some() && *about != last.source {
        return Err(Trouble::Told(Sentence::NotTheLastReply));
    }
    if last.person != stage.scope.owner.person {
        if admitted.inbound().rank < Rank::ManagesChannel {
            return Err(Trouble::Told(Sentence::NotYourReply));
        }
        // Whoever asks for it, it is an answer to the one who wrote, from what is remembered of them.
        stage.answers(last.person.clone());
        known = ctx.memory.recall(&stage.scope, "").await?;
    }
    let Some(last) = known.window.pop() else {
        return Ok(None);
    };
    if let Some(of) = last.source.clone() {
        out.show(Show::Again { of }).await;
    }
    let is_led = known.window.is_empty() && known.opening.is_some();
    if last.amended && !is_led {
        return stage.answer_amended(last).await.map(Some);
    }
    stage
        .answer_turn(&last, &known, Attempt::Again)
        .await
        .map(Some)
}

/// The turn that this very message began before a restart, taken out of the window with all that came after it.
fn interrupted(known: &mut Known, admitted: &Admitted) -> Option<Turn> {
    let source = admitted.inbound().source.as_ref()?;
    let index = known
        .window
        .iter()
        .position(|turn| turn.source.as_ref() == Some(source))?;
    known.window.drain(index..).next()
}

async fn answer_alone(
    ctx: &Arc<Context>,
    admitted: &Admitted,
    history: &[Message],
    out: &Outlet,
) -> Result<Finished, Trouble> {
    let persona = ctx.persona_for(admitted.inbound())?;
    let wishes = wishes(admitted);
    let draft = Draft::for_program(&persona, wishes.system.as_deref(), history, admitted.text());
    reply_alone(ctx, admitted, &persona, draft, out).await
}

/// Answers words as a persona that need not be in any library would: nothing is looked up and nothing is kept.
///
/// # Errors
/// As for a message.
pub async fn try_out(
    ctx: &Arc<Context>,
    admitted: &Admitted,
    persona: &Persona,
    words: &str,
    out: &Outlet,
) -> Result<Finished, Trouble> {
    let draft = Draft::for_program(persona, None, &[], words);
    reply_alone(ctx, admitted, persona, draft, out).await
}

async fn reply_alone(
    ctx: &Arc<Context>,
    admitted: &Admitted,
    persona: &Persona,
    draft: Draft,
    out: &Outlet,
) -> Result<Finished, Trouble> {
    let _place_in_line = line_up(ctx, admitted)?;
    let stop = ctx.lanes.beside();
    let seat = unless_over(&stop, out, ctx.brains.seat(persona)).await?;
    let wishes = wishes(admitted);
    let reply_tokens = reply_tokens(persona, wishes.max_tokens);
    let prompt = unless_over(&stop, out, fit(&seat, draft, reply_tokens)).await?;
    let request = request(ctx, persona, &seat, prompt, &wishes);
    let spoke = speak(seat.engine.as_ref(), request, &stop, out).await?;
    let spoke = heard(ctx, spoke)?;
    explain(&spoke, admitted.language(), out).await;
    Ok(spoke.finish)
}

/// Says why a reply ended where it did, unless it came to its own end.
async fn explain(spoke: &Spoke, language: Language, out: &Outlet) {
    match spoke.finish.reason {
        Ending::Broken => out.notice(Sentence::ReplyCut.say(language)).await,
        Ending::Deadline => out.notice(Sentence::ReplyTookTooLong.say(language)).await,
        Ending::Complete | Ending::Length if spoke.reply.text.is_empty() => {
            out.notice(Sentence::NoReply.say(language)).await
        }
        Ending::Complete | Ending::Length | Ending::Stopped => {}
    }
}

/// What comes of `work`, unless the reply is stopped or its reader leaves before.
async fn unless_over<T, E>(
    stop: &CancellationToken,
    out: &Outlet,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Trouble>
where
    Trouble: From<E>,
{
    tokio::select! {
        () = over(stop, out) => Err(Trouble::Stopped),
        outcome = work => Ok(outcome?),
    }
}

/// A reply of which nothing was said because the daemon ends is none.
fn heard(ctx: &Context, spoke: Spoke) -> Result<Spoke, Trouble> {
    let nothing = spoke.reply.text.is_empty() && spoke.finish.reason == Ending::Stopped;
    if nothing && ctx.lanes.is_closed() {
        return Err(Trouble::Stopped);
    }
    Ok(spoke)
}

/// Takes the next turn of the conversation, within the number that one person may have waiting.
///
/// # Errors
/// When too many wait already.
pub async fn in_lane(
    ctx: &Context,
    admitted: &Admitted,
    conversation: &Conversation,
) -> Result<(PlaceInLine, InLane), Trouble> {
    let place_in_line = line_up(ctx, admitted)?;
    Ok((place_in_line, lane(ctx, admitted, conversation).await))
}

/// Takes the next turn of a conversation, for somebody who has a place in line already.
pub async fn lane(ctx: &Context, admitted: &Admitted, conversation: &Conversation) -> InLane {
    let inbound = admitted.inbound();
    let whose = Whose {
        asker: Some(inbound.person.clone()),
        source: inbound.source.clone().or_else(|| inbound.about.clone()),
    };
    ctx.lanes.enter_for(conversation, whose).await
}

/// Counts somebody among those who wait.
///
/// # Errors
/// When too much of theirs waits already.
pub fn line_up(ctx: &Context, admitted: &Admitted) -> Result<PlaceInLine, Trouble> {
    ctx.gate
        .line_up(&admitted.inbound().person)
        .map_err(Trouble::Told)
}

/// Everything that one turn works with, in its lane of the conversation.
struct Stage<'a> {
    ctx: &'a Arc<Context>,
    admitted: &'a Admitted,
    out: &'a Outlet,
    persona: Arc<Persona>,
    scope: Scope,
    seat: Seat,
    lane: InLane,
    watch: Watch,
    /// How often something had been forgotten before anything was recalled.
    forgotten: u64,
    _place_in_line: PlaceInLine,
}

/// Whether a message is answered for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    First,
    Again,
}

impl<'a> Stage<'a> {
    async fn enter(
        ctx: &'a Arc<Context>,
        admitted: &'a Admitted,
        persona: Arc<Persona>,
        out: &'a Outlet,
    ) -> Result<Self, Trouble> {
        let scope = admitted.scope(&persona.id);
        let (place_in_line, lane) = tokio::select! {
            () = out.left() => return Err(Trouble::Stopped),
            entered = in_lane(ctx, admitted, &scope.conversation) => entered?,
        };
        out.show(Show::Answering {
            persona: persona.id.clone(),
            name: persona.name.clone(),
        })
        .await;
        // An engine that is starting may take long; whoever stops or leaves must not keep the lane.
        let seat = unless_over(lane.stop(), out, ctx.brains.seat(&persona)).await?;
        Ok(Self {
            ctx,
            admitted,
            out,
            persona,
            watch: ctx.reasons.watch(&scope.owner),
            forgotten: ctx.brains.forgotten(),
            scope,
            seat,
            lane,
            _place_in_line: place_in_line,
        })
    }

    /// It is somebody else's message that is answered.
    fn answers(&mut self, person: PersonId) {
        self.scope.owner.person = person;
        self.watch = self.ctx.reasons.watch(&self.scope.owner);
    }

    fn voices(&self) -> Voices {
        match self.scope.owner.audience {
            Audience::Private => Voices::One,
            Audience::Place(_) => Voices::Several,
        }
    }

    /// Says that this is an AI, when it is time to. Whoever made a program tells those who use it.
    async fn disclose(&self) {
        if matches!(self.admitted.inbound().manner, Manner::Program(_)) {
            return;
        }
        let Owner {
            audience, person, ..
        } = &self.scope.owner;
        match self.ctx.disclosure.due(audience, person, now_ms()).await {
            Ok(Some(sentence)) => {
                let sentence = sentence.say(self.admitted.language());
                self.out.notice(sentence).await;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "It cannot be known who was told that this is an AI."
            ),
        }
    }

    fn draft(&self, known: &Known) -> Draft {
        Draft::new(Ingredients {
            persona: &self.persona,
            extra_system: wishes(self.admitted).system.as_deref(),
            known,
            words: self.admitted.text(),
            speaker: self
                .voices()
                .speaker(self.admitted.name(), &self.scope.owner.person),
            language: self.admitted.language(),
        })
    }

    async fn fit(&self, draft: Draft) -> Result<Prompt, Trouble> {
        let reply_tokens = reply_tokens(&self.persona, wishes(self.admitted).max_tokens);
        let fitted = fit(&self.seat, draft, reply_tokens);
        unless_over(self.lane.stop(), self.out, fitted).await
    }

    fn said(&self, prompt: &Prompt, known: &Known) -> Said {
        Said {
            name: self.admitted.name().to_owned(),
            text: self.admitted.text().to_owned(),
            notes: prompt.notes.clone(),
            memory_revision: known.revision.filter(|_| prompt.holds_all_memory),
            as_of: known.as_of,
            at_ms: now_ms(),
            source: self.admitted.inbound().source.clone(),
            parts: self.admitted.inbound().parts.clone(),
        }
    }

    async fn speak(
        &self,
        prompt: Prompt,
        wishes: &Wishes,
        attempt: Attempt,
    ) -> Result<Spoke, Trouble> {
        let mut reason = Reason::new(&self.persona, &self.seat, &prompt);
        let mut request = request(self.ctx, &self.persona, &self.seat, prompt, wishes);
        request.chat = Some(self.scope.conversation.chat_key());
        request.whose = Some(self.admitted.inbound().person.share_key());
        if attempt == Attempt::Again {
            // Warm enough to leave the path of the first reply, which a low temperature would repeat.
            request.sampling.temperature = request.sampling.temperature.max(0.9);
        }
        let spoke = speak(
            self.seat.engine.as_ref(),
            request,
            self.lane.stop(),
            self.out,
        )
        .await;
        // The prompt may have reached the engine when it had let go of its words already.
        let conversation = &self.scope.conversation;
        self.ctx
            .brains
            .forget_if_since(self.forgotten, conversation)
            .await;
        let spoke = heard(self.ctx, spoke?)?;
        explain(&spoke, self.admitted.language(), self.out).await;
        reason.finish = Some(spoke.finish);
        self.ctx.reasons.keep(&self.scope, reason, &self.watch);
        Ok(spoke)
    }

    /// Goes on with a turn that a restart interrupted.
    async fn take_up(&self, turn: Turn, known: &Known) -> Result<Finished, Trouble> {
        self.out.show(Show::Taken { turn: turn.id.0 }).await;
        match turn.reply {
            Some(reply) => {
                self.out.show(Show::Text { text: reply.text }).await;
                Ok(Finished::earlier(reply.complete))
            }
            None => self.answer_turn(&turn, known, Attempt::First).await,
        }
    }

    /// Answers words that are in the log already, as they were sent.
    async fn answer_turn(
        &self,
        turn: &Turn,
        known: &Known,
        attempt: Attempt,
    ) -> Result<Finished, Trouble> {
        let draft = Draft::again(&self.persona, known, turn, self.voices());
        let prompt = self.fit(draft).await?;
        let window = prompt.window;
        let spoke = self.speak(prompt, &Wishes::default(), attempt).await?;
        self.keep(turn.id, spoke, window).await
    }

    /// Answers words that were changed after they were sent, with what is known about the new ones.
    async fn answer_amended(&self, turn: Turn) -> Result<Finished, Trouble> {
        let mut known = self.ctx.memory.recall(&self.scope, &turn.text).await?;
        known.window.retain(|before| before.id < turn.id);
        let draft = Draft::new(Ingredients {
            persona: &self.persona,
            extra_system: None,
            known: &known,
            words: &turn.text,
            speaker: self.voices().speaker(&turn.name, &turn.person),
            language: Language::of(&turn.text),
        });
        let prompt = self.fit(draft).await?;
        let window = prompt.window;
        let revision = known.revision.filter(|_| prompt.holds_all_memory);
        self.ctx
            .memory
            .note_turn(&self.scope, turn.id, &prompt.notes, revision, known.as_of)
            .await?;
        let spoke = self
            .speak(prompt, &Wishes::default(), Attempt::First)
            .await?;
        self.keep(turn.id, spoke, window).await
    }

    /// Stores the reply. When that fails the person has seen it all the same, so they are told that it will not be remembered.
    async fn keep(&self, turn: TurnId, spoke: Spoke, window: u32) -> Result<Finished, Trouble> {
        if !spoke.reply.text.is_empty() {
            let kept = self
                .ctx
                .memory
                .close_turn(&self.scope, turn, spoke.reply)
                .await;
            if let Err(error) = kept {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "A reply was shown but could not be stored."
                );
                let sentence = Sentence::ReplyNotKept.say(self.admitted.language());
                self.out.notice(sentence).await;
            }
        }
        self.ctx
            .compaction
            .consider(&self.scope, &self.persona, &self.seat, window);
        Ok(spoke.finish)
    }
}

fn wishes(admitted: &Admitted) -> Wishes {
    match &admitted.inbound().manner {
        Manner::Talk | Manner::Command(_) => Wishes::default(),
        Manner::Program(wishes) => (**wishes).clone(),
    }
}

async fn fit(seat: &Seat, draft: Draft, reply_tokens: u32) -> Result<Prompt, Trouble> {
    let counts = seat.count(draft.texts()).await?;
    Ok(draft.fit(&counts, Room::of(&seat.model, reply_tokens))?)
}

/// What a persona takes of every prompt; `None` where no engine is ready to count.
pub async fn share(ctx: &Context, persona: &Persona) -> Option<Share> {
    if ctx.brains.readiness() != Readiness::Ready {
        return None;
    }
    let counted = async {
        let seat = ctx.brains.seat(persona).await?;
        let draft = Draft::for_program(persona, None, &[], "");
        let counts = seat.count(draft.texts()).await?;
        let room = Room::of(&seat.model, reply_tokens(persona, None));
        Ok::<_, EngineError>(draft.share(&counts, room))
    };
    timeout(COUNTING_PATIENCE, counted).await.ok()?.ok()
}

/// Lets the engine compute what every prompt of a persona begins with, so that nobody's first message waits for it; false when the engine
/// would not keep it.
///
/// # Errors
/// What the engine says, or [`Trouble::TooLong`] when the persona leaves no room.
pub async fn warm(ctx: &Context, persona: &Persona) -> Result<bool, Trouble> {
    let seat = ctx.brains.seat(persona).await?;
    if !seat.model.keeps_beginnings {
        return Ok(false);
    }
    let draft = Draft::for_program(persona, None, &[], "hi");
    let prompt = fit(&seat, draft, reply_tokens(persona, None)).await?;
    let request = Request {
        max_tokens: 1,
        background: true,
        ..request(ctx, persona, &seat, prompt, &Wishes::default())
    };
    let mut events = seat.engine.generate(request).await?.events;
    while let Some(event) = events.recv().await {
        event?;
    }
    Ok(true)
}

/// Whoever edits a persona waits no longer for a figure.
const COUNTING_PATIENCE: Duration = Duration::from_secs(5);

/// Tokens that a reply may have: what was asked for, else what the persona's file says.
#[must_use]
pub fn reply_tokens(persona: &Persona, asked: Option<u32>) -> u32 {
    asked
        .or(persona.reply_tokens)
        .unwrap_or(DEFAULT_REPLY_TOKENS)
}

/// Tokens of a reply where neither the persona nor the request says otherwise.
const DEFAULT_REPLY_TOKENS: u32 = 256;

fn request(
    ctx: &Context,
    persona: &Persona,
    seat: &Seat,
    prompt: Prompt,
    wishes: &Wishes,
) -> Request {
    Request {
        chat: None,
        whose: None,
        messages: prompt.messages,
        lead: prompt.lead,
        template: persona.template.clone(),
        adapter: persona.adapter.clone(),
        max_tokens: Room::of(&seat.model, reply_tokens(persona, wishes.max_tokens)).reply,
        stop: stops(persona, wishes),
        sampling: overlaid(&seat.sampling, &wishes.sampling),
        grammar: wishes.grammar.clone(),
        seed: wishes.seed,
        ignore_eos: wishes.ignore_eos,
        background: false,
        deadline: ctx.settings.limits.reply,
    }
}

/// The persona's, which are for its own way of talking, and not for a form that a program asked for.
fn stops(persona: &Persona, wishes: &Wishes) -> Vec<String> {
    let own = persona.stop.iter().filter(|_| wishes.grammar.is_none());
    own.chain(&wishes.stop).cloned().collect()
}

/// Why a message got no reply. Variants are what the person is told.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A sentence says it all.
    // Not the sentence itself, which may quote what was typed.
    #[error("the message is answered with a sentence of the bot's own")]
    Told(Sentence),
    /// The store did not take it or could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine could not even prepare.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The person stopped it or left, or the daemon ends, before anything was said.
    #[error("stopped")]
    Stopped,
    /// The engine said nothing.
    #[error(transparent)]
    Silent(#[from] Silent),
    /// The message is longer than the model can read.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl Trouble {
    /// What the person is told.
    #[must_use]
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Told(sentence) => sentence.clone(),
            Self::Store(_) => Sentence::StoreTrouble,
            Self::TooLong(_)
            | Self::Engine(EngineError::PromptTooLong { .. })
            | Self::Silent(Silent::Refused(EngineError::PromptTooLong { .. })) => {
                Sentence::PromptTooLong
            }
            Self::Silent(Silent::Refused(EngineError::Formless(reason))) => {
                Sentence::Formless(reason.clone())
            }
            Self::Engine(EngineError::Busy) | Self::Silent(Silent::Busy) => {
                Sentence::TooManyWaiting
            }
            Self::Engine(EngineError::Gone(_)) | Self::Silent(Silent::Starting(_)) => {
                Sentence::EngineStarting
            }
            Self::Silent(Silent::Gone(_)) => Sentence::NoReply,
            Self::Engine(
                EngineError::Refused(_) | EngineError::NoRoom(_) | EngineError::Formless(_),
            )
            | Self::Silent(Silent::Failed(_) | Silent::Refused(_)) => Sentence::EngineFailed,
            Self::Stopped => Sentence::ShuttingDown,
        }
    }

    fn log(&self) {
        match self {
            Self::Told(_) | Self::TooLong(_) | Self::Stopped => {
                tracing::debug!(trouble = %self, "A message was not answered.")
            }
            Self::Store(error) => tracing::error!(
                error = error as &dyn std::error::Error,
                "The store failed; what was asked for did not happen."
            ),
            Self::Engine(_) | Self::Silent(_) => {
                tracing::warn!(trouble = %self, "A message got no reply.")
            }
        }
    }
}
