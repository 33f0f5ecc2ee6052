//! Serves requests with a loaded model: commands in, steps through the scheduler and llama.cpp, reports out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::child::{Count, End, Output, start_with_deep_stack};
use super::llama::{Adapters, Computer, Dice, Drawn, Llama, SeqState, Unloadable};
use super::protocol::{CallId, Command, Report};
use super::replies::Replies;
use super::scheduler::{
    Adapter, Admission, Begin, Ended, Entry, Full, Job, Limits, Pin, Scheduler, Step, Ticket,
    Token, common,
};
use super::settings::WorkerSettings;
use super::templates::{self, Templates};
use super::tokens::Own;
use crate::generate::{
    ChatKey, EngineError, Event, Finish, FinishReason, Message, Model, Request, Role, Usage,
};
use crate::gguf::{self, Gguf};
use crate::template::Template;
use crate::text::TextStream;

/// Requests that may wait for a slot; beyond, "busy" is the kinder answer.
const QUEUE: usize = 64;
/// Beginnings whose tokens are remembered; there are about as many as personas.
const BEGINNINGS: usize = 256;
/// Commands are taken for about so long before the next step.
const TAKING: Duration = Duration::from_millis(100);
/// Models from this many weights on can summarise what they read; the smaller ones make things up.
const CAPABLE: u64 = 1_000_000_000;

/// Loads the model beside what other workers have mapped (bytes), and serves until told to stop.
pub(super) fn serve(
    settings: &WorkerSettings,
    mapped: u64,
    commands: &Receiver<Command>,
    counts: Receiver<Count>,
    output: Output,
) -> Result<(), End> {
    let gguf = gguf::inspect(&settings.model).map_err(|error| End::Hopeless(error.to_string()))?;
    gguf.check_model()
        .map_err(|error| End::Hopeless(error.to_string()))?;
    let offloads = || {
        // A daemon that does not listen any more is found out by the next report.
        output.say(&Report::Offloading).ok();
    };
    let llama = Llama::load(&gguf, settings, mapped, offloads).map_err(|error| match error {
        Unloadable::NoRoom(shortage) => End::NoRoom(shortage),
        Unloadable::Misset(reason) => End::Misset(reason),
        Unloadable::Faulty(reason) => End::Hopeless(reason),
    })?;
    let ready = llama.ready();
    let mut adapters = Adapters::default();
    let limits = Limits {
        slots: settings.slots as usize,
        context: llama.context() as usize,
        batch: llama.batch_size() as usize,
        queue: QUEUE,
        prefixes: llama.prefixes() as usize,
        shared: llama.shared() as usize,
        tails: llama.tails(),
    };
    let mut service = Service::new(gguf, Scheduler::new(limits), output);
    // Written to only while an adapter is loaded.
    let llama = Arc::new(RwLock::new(llama));
    let vocabulary = Arc::downgrade(&llama);
    // Ends with the process.
    start_with_deep_stack(move || count_all(&vocabulary, &counts, output))
        .map_err(|error| End::Broken(format!("a thread could not be started: {error}")))?;
    let mut first = true;
    loop {
        let model = llama.read().unwrap_or_else(PoisonError::into_inner);
        let mut computer =
            model
                .computer()
                .map_err(if first { End::Hopeless } else { End::Broken })?;
        if std::mem::take(&mut first) {
            service.output.say(&ready).map_err(End::Broken)?;
        }
        // An adapter can be loaded only while no context borrows the model, so the context is made anew for each.
        let wanted = service
            .run(&model, &mut computer, &mut adapters, commands)
            .map_err(End::Broken)?;
        drop(computer);
        drop(model);
        let Some(file) = wanted else { return Ok(()) };
        let mut model = llama.write().unwrap_or_else(PoisonError::into_inner);
        let loaded = model.load_adapter(&file.path, &mut adapters);
        service
            .adapter_loaded(&model, file, loaded)
            .map_err(End::Broken)?;
    }
}

/// Counts tokens beside the computation.
fn count_all(llama: &Weak<RwLock<Llama>>, counts: &Receiver<Count>, output: Output) {
    for Count { call, texts } in counts {
        // At the end the model must be freed before the process ends.
        let Some(llama) = llama.upgrade() else { return };
        let llama = llama.read().unwrap_or_else(PoisonError::into_inner);
        let count = |text: &String| u32::try_from(llama.plain(text).count()).unwrap_or(u32::MAX);
        let outcome = Ok(texts.iter().map(count).collect());
        if output.say(&Report::Counted { call, outcome }).is_err() {
            return;
        }
    }
}

/// An adapter file as it was when it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AdapterFile {
    path: PathBuf,
    modified: Option<SystemTime>,
}

/// A reply being generated.
struct Stream {
    chat: Option<ChatKey>,
    dice: Dice,
    text: TextStream,
    /// What was generated, and what was shown of it.
    tokens: Vec<Token>,
    bytes: Vec<u8>,
    shown: String,
}

impl Stream {
    /// Takes a token and gives what can be shown now.
    fn push(&mut self, token: Token, bytes: &[u8]) -> String {
        self.tokens.push(token);
        self.bytes.extend_from_slice(bytes);
        let text = self.text.push(bytes);
        self.shown.push_str(&text);
        text
    }
}

struct Service {
    base: Gguf,
    scheduler: Scheduler,
    output: Output,
    templates: Templates,
    /// The tokens of what personas' prompts begin with, by template and messages.
    beginnings: HashMap<(Option<String>, Vec<Message>), Vec<Token>>,
    adapters: HashMap<AdapterFile, Adapter>,
    streams: HashMap<CallId, Stream>,
    /// What chats without a slot have computed.
    tails: HashMap<Ticket, SeqState>,
    replies: Replies,
    /// The adapter to load next, and the commands that wait for it.
    wanted: Option<AdapterFile>,
    delayed: Vec<Delayed>,
}

/// A command that needs an adapter which is not loaded.
struct Delayed {
    command: Command,
    since: Instant,
}

impl Service {
    fn new(base: Gguf, scheduler: Scheduler, output: Output) -> Self {
        Self {
            base,
            scheduler,
            output,
            templates: Templates::default(),
            beginnings: HashMap::new(),
            adapters: HashMap::new(),
            streams: HashMap::new(),
            tails: HashMap::new(),
            replies: Replies::default(),
            wanted: None,
            delayed: Vec::new(),
        }
    }

    /// Works until told to stop (`None`) or until an adapter has to be loaded.
    fn run(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        adapters: &mut Adapters,
        commands: &Receiver<Command>,
    ) -> Result<Option<AdapterFile>, String> {
        loop {
            let started = Instant::now();
            while let Some(command) = self.next_command(commands) {
                if command == Command::Stop {
                    return Ok(None);
                }
                self.take(llama, computer, command)?;
                // Long prompts and forms take a while, and others wait for their next word.
                if started.elapsed() > TAKING {
                    break;
                }
            }
            self.expire(llama, computer, Instant::now())?;
            if let Some(file) = self.wanted.take() {
                for (slot, ticket) in self.scheduler.save_all() {
                    self.save(computer, slot, ticket);
                }
                return Ok(Some(file));
            }
            self.step(llama, computer, adapters)?;
        }
    }

    /// The next command if there is one; waits only while there is nothing else to do. A closed channel means stop.
    fn next_command(&self, commands: &Receiver<Command>) -> Option<Command> {
        if !self.scheduler.is_idle() || self.wanted.is_some() {
            return match commands.try_recv() {
                Ok(command) => Some(command),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(Command::Stop),
            };
        }
        Some(commands.recv().unwrap_or(Command::Stop))
    }

    fn take(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        command: Command,
    ) -> Result<(), String> {
        match command {
            Command::Cancel { call } => {
                self.streams.remove(&call);
                self.delayed.retain(|delayed| !matches!(delayed.command, Command::Generate { call: other, .. } if other == call));
                if let Some(ended) = self.scheduler.cancel(call) {
                    self.cut(computer, &ended);
                }
            }
            Command::Forget { chats } => chats.iter().for_each(|chat| self.forget(computer, chat)),
            command => return self.answer(llama, command, Instant::now()),
        }
        Ok(())
    }

    /// Lets go of all that is kept of a chat, and keeps nothing of what is running or waiting.
    fn forget(&mut self, computer: &mut Computer, chat: &ChatKey) {
        self.replies.forget(chat);
        // What is being said is not kept either.
        for stream in self.streams.values_mut() {
            stream.chat.take_if(|own| own == chat);
        }
        for delayed in &mut self.delayed {
            if let Command::Generate { request, .. } = &mut delayed.command {
                request.chat.take_if(|own| own == chat);
            }
        }
        let (slots, tickets) = self.scheduler.forget(chat);
        for slot in slots {
            computer.cut(slot, 0);
        }
        for ticket in tickets {
            self.tails.remove(&ticket);
        }
    }

    /// Answers what needs the model's vocabulary only, and puts off what needs an adapter that is not loaded.
    /// `since` is when the command came.
    fn answer(&mut self, llama: &Llama, command: Command, since: Instant) -> Result<(), String> {
        match command {
            Command::Prepare {
                call,
                template,
                adapter,
            } => match self.adapter(adapter.as_deref()) {
                Ok(Found::NotLoaded(file)) => self.delay(
                    file,
                    Command::Prepare {
                        call,
                        template,
                        adapter,
                    },
                    since,
                ),
                Ok(Found::Loaded(_)) => {
                    let outcome = self.prepare(llama, template.as_deref());
                    self.output.say(&Report::Prepared { call, outcome })
                }
                Err(error) => self.output.say(&Report::Prepared {
                    call,
                    outcome: Err(error),
                }),
            },
            Command::Generate { call, request } => match self.adapter(request.adapter.as_deref()) {
                Ok(Found::NotLoaded(file)) => {
                    self.delay(file, Command::Generate { call, request }, since)
                }
                Ok(Found::Loaded(adapter)) => {
                    let outcome = self.submit(llama, call, &request, adapter, since);
                    self.output.say(&Report::Accepted { call, outcome })
                }
                Err(error) => self.output.say(&Report::Accepted {
                    call,
                    outcome: Err(error),
                }),
            },
            // Counted in a thread of its own.
            Command::Count { .. }
            | Command::Hello { .. }
            | Command::Cancel { .. }
            | Command::Forget { .. }
            | Command::Stop => Ok(()),
        }
    }

    /// Ends what is late, also while it waits for an adapter.
    fn expire(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        now: Instant,
    ) -> Result<(), String> {
        for ended in self.scheduler.expire(now) {
            self.end(llama, computer, &ended, FinishReason::Deadline)?;
        }
        let is_late = |delayed: &mut Delayed| match &delayed.command {
            Command::Generate { request, .. } => due(request, delayed.since) <= now,
            _ => false,
        };
        let late: Vec<Delayed> = self.delayed.extract_if(.., is_late).collect();
        for delayed in late {
            if let Command::Generate { call, .. } = delayed.command {
                self.output.say(&Report::Accepted {
                    call,
                    outcome: Ok(()),
                })?;
                let finish = Finish {
                    reason: FinishReason::Deadline,
                    usage: Usage::default(),
                };
                self.output.say(&Report::Event {
                    call,
                    event: Ok(Event::Done(finish)),
                })?;
            }
        }
        Ok(())
    }

    /// Puts a request into the queue.
    fn submit(
        &mut self,
        llama: &Llama,
        call: CallId,
        request: &Request,
        adapter: Option<Adapter>,
        since: Instant,
    ) -> Result<(), EngineError> {
        // Before anything costly is done for it.
        if !self.scheduler.has_room(&request.whose, request.background) {
            return Err(EngineError::Busy);
        }
        let template = self
            .templates
            .get(llama, &self.base, request.template.as_deref())?;
        let pieces = template.render(&request.messages)?;
        let limit = prompt_limit(llama.context(), request.max_tokens);
        let mut prompt = llama.tokens_with(&pieces, |place| self.generated(request, place));
        if prompt.len() > limit as usize {
            // The caller has counted the tokens of the texts, which can be fewer.
            prompt = llama.tokens(&pieces);
        }
        let tokens = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
        if tokens > limit {
            return Err(EngineError::PromptTooLong { tokens, limit });
        }
        if prompt.is_empty() {
            return Err(EngineError::Refused(
                "the chat template makes an empty prompt of these messages".into(),
            ));
        }
        let stream = Stream {
            chat: request.chat.clone(),
            dice: llama.dice(request, &prompt)?,
            text: TextStream::new(request.stop.clone()),
            tokens: Vec::new(),
            bytes: Vec::new(),
            shown: String::new(),
        };
        let deadline = due(request, since);
        let job = Job {
            call,
            chat: request.chat.clone(),
            whose: request.whose.clone(),
            adapter,
            lead: self.lead(llama, &template, request, &prompt)?,
            prompt,
            max_tokens: request.max_tokens,
            background: request.background,
            deadline,
            before: None,
            came: 0,
        };
        self.scheduler
            .submit(job)
            .map_err(|Full| EngineError::Busy)?;
        self.streams.insert(call, stream);
        Ok(())
    }

    /// What a message of a request was generated as, if it is a reply of this model in this chat.
    fn generated(&self, request: &Request, place: usize) -> Option<Own> {
        let message = request.messages.get(place)?;
        let may_be = message.role == Role::Assistant && place >= request.lead;
        let chat = request.chat.as_ref().filter(|_| may_be)?;
        self.replies.find(chat, &message.content)
    }

    /// How many tokens a request's prompt has in common with those of all chats of its persona.
    fn lead(
        &mut self,
        llama: &Llama,
        template: &Template,
        request: &Request,
        prompt: &[Token],
    ) -> Result<usize, EngineError> {
        let messages = &request.messages[..request.lead.min(request.messages.len())];
        if messages.is_empty() || request.seed.is_some() {
            return Ok(0);
        }
        let key = (request.template.clone(), messages.to_vec());
        if let Some(known) = self.beginnings.get(&key)
            && common(known, prompt) == known.len()
        {
            return Ok(known.len());
        }
        // New, or written otherwise than before, as by a template that tells the date.
        let beginning = templates::beginning(llama, template, messages)?;
        let lead = common(&beginning, prompt);
        if self.beginnings.len() >= BEGINNINGS {
            self.beginnings.clear();
        }
        self.beginnings.insert(key, beginning);
        Ok(lead)
    }

    /// Saves what a slot holds before it is given to another chat.
    fn make_way(&mut self, computer: &Computer, admission: &Admission) {
        for ticket in &admission.discard {
            self.tails.remove(ticket);
        }
        if let Some(ticket) = admission.save {
            self.save(computer, admission.slot, ticket);
        }
    }

    /// Copies what a slot holds to the machine's memory.
    fn save(&mut self, computer: &Computer, slot: usize, ticket: Ticket) {
        let Some(state) = computer.save(slot) else {
            return self.scheduler.unsaved(ticket);
        };
        let bytes = state.byte_len();
        self.tails.insert(ticket, state);
        for ticket in self.scheduler.saved(ticket, bytes) {
            self.tails.remove(&ticket);
        }
    }

    /// Lets a slot hold what a request begins with. False when it holds nothing.
    fn begin(&mut self, computer: &mut Computer, admission: &Admission) -> bool {
        let slot = admission.slot;
        match admission.begin {
            Begin::Keep(keep) => computer.cut(slot, keep),
            Begin::Lend(loan) => computer.cut(slot, 0) && computer.lend(loan),
            Begin::Restore { ticket, keep } => {
                let state = self.tails.remove(&ticket);
                computer.cut(slot, 0)
                    && state.is_some_and(|state| computer.restore(slot, &state))
                    && computer.cut(slot, keep)
            }
        }
    }

    /// One step for everyone who has a slot.
    fn step(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        adapters: &mut Adapters,
    ) -> Result<(), String> {
        for admission in self.scheduler.admit() {
            self.make_way(computer, &admission);
            if !self.begin(computer, &admission) {
                self.scheduler.lose(admission.slot);
            }
        }
        let started = Instant::now();
        let Step { adapter, entries } = self.scheduler.next_step();
        if let Err(error) = computer.decode(&entries, adapter, adapters) {
            return self.lose_everything(computer, &error);
        }
        self.scheduler.note(&entries, started.elapsed());
        for Pin { empty, loan } in self.scheduler.pins() {
            let emptied = empty.iter().all(|sequence| computer.cut(*sequence, 0));
            if !(emptied && computer.lend(loan)) {
                self.scheduler.lose(loan.to);
            }
        }
        for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.draw) {
            self.advance(llama, computer, index, entry)?;
        }
        Ok(())
    }

    /// Draws a slot's next token and passes on what it adds to the text.
    fn advance(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        index: usize,
        entry: &Entry,
    ) -> Result<(), String> {
        let Some(call) = self.scheduler.call(entry.slot) else {
            return Ok(());
        };
        let Some(stream) = self.streams.get_mut(&call) else {
            return Ok(());
        };
        let (token, is_last) = match computer.draw(index, &mut stream.dice) {
            Drawn::Token(token) => (token, false),
            Drawn::Last(token) => (token, true),
            Drawn::Nothing => {
                let ended = self.scheduler.finish(entry.slot);
                return ended.map_or(Ok(()), |ended| {
                    self.end(llama, computer, &ended, FinishReason::Stop)
                });
            }
            Drawn::Broken(fault) => {
                let ended = self.scheduler.finish(entry.slot);
                return ended.map_or(Ok(()), |ended| self.break_off(computer, &ended, fault));
            }
        };
        let at_limit = self.scheduler.drawn(entry.slot, token);
        let ends = llama.is_end(token);
        if !ends {
            let text = stream.push(token, &llama.bytes(token));
            if !text.is_empty() {
                self.output.say(&Report::Event {
                    call,
                    event: Ok(Event::Text(text)),
                })?;
            }
        }
        let stopped = ends || is_last || stream.text.stopped();
        match stopped.then_some(FinishReason::Stop).or(at_limit) {
            Some(reason) => match self.scheduler.finish(entry.slot) {
                Some(ended) => self.end(llama, computer, &ended, reason),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Ends a request whose form could not be kept.
    fn break_off(
        &mut self,
        computer: &mut Computer,
        ended: &Ended,
        fault: &str,
    ) -> Result<(), String> {
        self.cut(computer, ended);
        self.streams.remove(&ended.call);
        self.output.say(&Report::Event {
            call: ended.call,
            event: Err(EngineError::Formless(fault.into())),
        })
    }

    /// Tells the end of a request.
    fn end(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        ended: &Ended,
        reason: FinishReason,
    ) -> Result<(), String> {
        self.cut(computer, ended);
        let call = ended.call;
        if let Some(stream) = self.streams.remove(&call) {
            let rest = stream.text.finish();
            if let Some(chat) = &stream.chat {
                let shown = stream.shown + &rest;
                // A marker that the model has been talked into must not stand in the next prompt as one.
                if llama.is_ordinary(&stream.tokens, &shown) {
                    self.replies
                        .keep(chat, &stream.tokens, &stream.bytes, &shown);
                }
            }
            if !rest.is_empty() {
                self.output.say(&Report::Event {
                    call,
                    event: Ok(Event::Text(rest)),
                })?;
            }
        }
        let Usage {
            prompt_tokens,
            cached_tokens,
            completion_tokens,
        } = ended.usage;
        tracing::debug!(
            call,
            ?reason,
            prompt_tokens,
            cached_tokens,
            completion_tokens,
            "A reply has ended."
        );
        self.output.say(&Report::Event {
            call,
            event: Ok(Event::Done(Finish {
                reason,
                usage: ended.usage,
            })),
        })
    }

    fn cut(&mut self, computer: &mut Computer, ended: &Ended) {
        if let Some((slot, keep)) = ended.slot
            && !computer.cut(slot, keep)
        {
            self.scheduler.lose(slot);
        }
    }

    /// After a failed step nobody knows what the cache holds.
    fn lose_everything(&mut self, computer: &mut Computer, error: &str) -> Result<(), String> {
        tracing::error!("llama.cpp could not compute a step: {error}");
        computer.clear();
        for call in self.scheduler.lose_everything() {
            self.streams.remove(&call);
            let event = Err(EngineError::Gone(format!(
                "llama.cpp could not compute a step: {error}"
            )));
            self.output.say(&Report::Event { call, event })?;
        }
        Ok(())
    }

    /// Says what fits under a template.
    fn prepare(&mut self, llama: &Llama, source: Option<&str>) -> Result<Model, EngineError> {
        let template = self.templates.get(llama, &self.base, source)?;
        let file_name = || Some(self.base.path.file_stem()?.to_string_lossy().into_owned());
        Ok(Model {
            name: self
                .base
                .name
                .clone()
                .or_else(file_name)
                .unwrap_or_default(),
            context: llama.context(),
            message_overhead: templates::message_overhead(llama, &template)?,
            capable: self.base.parameters >= CAPABLE,
            keeps_beginnings: llama.prefixes() > 0,
        })
    }

    /// Looks an adapter up; a new one is checked here and loaded before the next step.
    fn adapter(&self, path: Option<&Path>) -> Result<Found, EngineError> {
        let Some(path) = path else {
            return Ok(Found::Loaded(None));
        };
        // As it is now: what is saved while it is being loaded is another file.
        let file = AdapterFile::new(path);
        if let Some(adapter) = self.adapters.get(&file) {
            return Ok(Found::Loaded(Some(*adapter)));
        }
        let checked = gguf::inspect(path).and_then(|adapter| adapter.check_adapter(&self.base));
        checked.map_err(|error| EngineError::Refused(error.to_string()))?;
        Ok(Found::NotLoaded(file))
    }

    /// Puts a command off until an adapter is loaded.
    fn delay(&mut self, file: AdapterFile, command: Command, since: Instant) -> Result<(), String> {
        // One at a time; a second adapter is asked for again when the first is there.
        self.wanted.get_or_insert(file);
        self.delayed.push(Delayed { command, since });
        Ok(())
    }

    /// Goes on with the commands that waited for an adapter.
    fn adapter_loaded(
        &mut self,
        llama: &Llama,
        file: AdapterFile,
        loaded: Result<Adapter, String>,
    ) -> Result<(), String> {
        // The new context's cache is empty. Nothing is in a slot.
        self.scheduler.lose_everything();
        let refused = match loaded {
            Ok(adapter) => {
                tracing::info!(adapter = %file.path.display(), "The adapter is loaded.");
                // The weights of an earlier state of the file stay in memory with the model: llama-cpp-2 has no way to free them.
                self.adapters.retain(|known, _| known.path != file.path);
                self.adapters.insert(file.clone(), adapter);
                None
            }
            Err(reason) => Some(EngineError::Refused(reason)),
        };
        for Delayed { command, since } in std::mem::take(&mut self.delayed) {
            match (command, &refused) {
                (
                    Command::Prepare {
                        call,
                        adapter: Some(own),
                        ..
                    },
                    Some(error),
                ) if own == file.path => {
                    self.output.say(&Report::Prepared {
                        call,
                        outcome: Err(error.clone()),
                    })?;
                }
                (Command::Generate { call, request }, Some(error))
                    if request.adapter.as_deref() == Some(&file.path) =>
                {
                    self.output.say(&Report::Accepted {
                        call,
                        outcome: Err(error.clone()),
                    })?;
                }
                (command, _) => self.answer(llama, command, since)?,
            }
        }
        Ok(())
    }
}

enum Found {
    Loaded(Option<Adapter>),
    NotLoaded(AdapterFile),
}

impl AdapterFile {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            modified: std::fs::metadata(path)
                .and_then(|metadata| metadata.modified())
                .ok(),
        }
    }
}

/// When a request's time is over.
fn due(request: &Request, since: Instant) -> Instant {
    since + request.deadline.min(Duration::from_secs(86_400))
}

/// Tokens that a prompt may have: the reply keeps what it asks for, but a generous wish takes no more than a quarter of the context.
fn prompt_limit(context: u32, max_tokens: u32) -> u32 {
    context - max_tokens.clamp(1, (context / 4).max(1))
}
