//! Serves requests with a loaded model: commands in, steps through the scheduler and llama.cpp, reports out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant, SystemTime};

use super::child::{End, Output};
use super::llama::{Adapters, Computer, Dice, Llama};
use super::protocol::{CallId, Command, Report};
use super::scheduler::{Adapter, Ended, Entry, Job, Limits, Scheduler};
use super::settings::WorkerSettings;
use super::templates::{self, Templates};
use crate::generate::{EngineError, Event, Finish, FinishReason, Model, Request, Usage};
use crate::gguf::{self, Gguf};
use crate::text::TextStream;

/// Requests that may wait for a slot; beyond, "busy" is the kinder answer.
const QUEUE: usize = 64;
/// Models from this many weights on can summarise what they read; the smaller ones make things up.
const CAPABLE: u64 = 1_000_000_000;

/// Loads the model and serves until told to stop.
pub(super) fn serve(
    settings: &WorkerSettings,
    commands: &Receiver<Command>,
    output: &mut Output,
) -> Result<(), End> {
    let gguf = gguf::inspect(&settings.model).map_err(|error| End::Hopeless(error.to_string()))?;
    gguf.check_model()
        .map_err(|error| End::Hopeless(error.to_string()))?;
    let mut llama = Llama::load(&gguf, settings).map_err(End::Hopeless)?;
    let mut adapters = Adapters::default();
    let limits = Limits {
        slots: settings.slots as usize,
        context: llama.context() as usize,
        batch: llama.batch_size() as usize,
        queue: QUEUE,
    };
    let mut service = Service::new(gguf, Scheduler::new(limits), output);
    let mut first = true;
    loop {
        let mut computer =
            llama
                .computer()
                .map_err(if first { End::Hopeless } else { End::Broken })?;
        if std::mem::take(&mut first) {
            service.output.say(&Report::Ready).map_err(End::Broken)?;
        }
        // An adapter can be loaded only while no context borrows the model, so the context is made anew for each.
        let wanted = service
            .run(&llama, &mut computer, &mut adapters, commands)
            .map_err(End::Broken)?;
        drop(computer);
        let Some(file) = wanted else { return Ok(()) };
        let loaded = llama.load_adapter(&file.path, &mut adapters);
        service
            .adapter_loaded(&llama, file, loaded)
            .map_err(End::Broken)?;
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
    dice: Dice,
    text: TextStream,
}

struct Service<'a> {
    base: Gguf,
    scheduler: Scheduler,
    output: &'a mut Output,
    templates: Templates,
    adapters: HashMap<AdapterFile, Adapter>,
    streams: HashMap<CallId, Stream>,
    /// The adapter to load next, and the commands that wait for it.
    wanted: Option<AdapterFile>,
    parked: Vec<Parked>,
}

/// A command that needs an adapter which is not loaded.
struct Parked {
    command: Command,
    since: Instant,
}

impl<'a> Service<'a> {
    fn new(base: Gguf, scheduler: Scheduler, output: &'a mut Output) -> Self {
        Self {
            base,
            scheduler,
            output,
            templates: Templates::default(),
            adapters: HashMap::new(),
            streams: HashMap::new(),
            wanted: None,
            parked: Vec::new(),
        }
    }

    /// Works until told to stop (`None`) or until an adapter has to be loaded and nobody is generating.
    fn run(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        adapters: &mut Adapters,
        commands: &Receiver<Command>,
    ) -> Result<Option<AdapterFile>, String> {
        loop {
            while let Some(command) = self.next_command(commands) {
                if command == Command::Stop {
                    return Ok(None);
                }
                self.take(llama, computer, command)?;
            }
            self.expire(computer, Instant::now())?;
            if let Some(file) = self.wanted.take_if(|_| self.scheduler.is_drained()) {
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
        let Command::Cancel { call } = command else {
            return self.answer(llama, command, Instant::now());
        };
        self.streams.remove(&call);
        self.parked.retain(|parked| !matches!(parked.command, Command::Generate { call: other, .. } if other == call));
        if let Some(ended) = self.scheduler.cancel(call) {
            self.cut(computer, &ended);
        }
        Ok(())
    }

    /// Answers what needs the model's vocabulary only, and parks what needs an adapter that is not loaded.
    /// `since` is when the command came.
    fn answer(&mut self, llama: &Llama, command: Command, since: Instant) -> Result<(), String> {
        match command {
            Command::Count { call, texts } => {
                let count =
                    |text: &String| u32::try_from(llama.plain(text).count()).unwrap_or(u32::MAX);
                self.output.say(&Report::Counted {
                    call,
                    outcome: Ok(texts.iter().map(count).collect()),
                })
            }
            Command::Prepare {
                call,
                template,
                adapter,
            } => match self.adapter(adapter.as_deref()) {
                Ok(Found::NotLoaded(file)) => self.park(
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
                    self.park(file, Command::Generate { call, request }, since)
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
            Command::Hello { .. } | Command::Cancel { .. } | Command::Stop => Ok(()),
        }
    }

    /// Ends what is late, also while it waits for an adapter.
    fn expire(&mut self, computer: &mut Computer, now: Instant) -> Result<(), String> {
        for ended in self.scheduler.expire(now) {
            self.end(computer, &ended, FinishReason::Deadline)?;
        }
        let is_late = |parked: &mut Parked| match &parked.command {
            Command::Generate { request, .. } => due(request, parked.since) <= now,
            _ => false,
        };
        let late: Vec<Parked> = self.parked.extract_if(.., is_late).collect();
        for parked in late {
            if let Command::Generate { call, .. } = parked.command {
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
        let template = self
            .templates
            .get(llama, &self.base, request.template.as_deref())?;
        let prompt = llama.tokens(&template.render(&request.messages)?);
        let limit = prompt_limit(llama.context(), request.max_tokens);
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
            dice: llama.dice(request, &prompt),
            text: TextStream::new(request.stop.clone()),
        };
        let deadline = due(request, since);
        let job = Job {
            call,
            chat: request.chat.clone(),
            adapter,
            prompt,
            max_tokens: request.max_tokens,
            deadline,
        };
        self.scheduler.submit(job).map_err(|_| EngineError::Busy)?;
        self.streams.insert(call, stream);
        Ok(())
    }

    /// One step for everyone who has a slot.
    fn step(
        &mut self,
        llama: &Llama,
        computer: &mut Computer,
        adapters: &mut Adapters,
    ) -> Result<(), String> {
        if self.wanted.is_none() {
            for admission in self.scheduler.admit() {
                if !computer.cut(admission.slot, admission.keep) {
                    self.scheduler.lose(admission.slot);
                }
            }
        }
        let started = Instant::now();
        let entries = self.scheduler.next_step();
        if let Err(error) = computer.decode(&entries, self.scheduler.adapter(), adapters) {
            return self.lose_everything(computer, &error);
        }
        self.scheduler.note(&entries, started.elapsed());
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
        let Some(token) = computer.draw(index, &mut stream.dice) else {
            return Ok(());
        };
        let at_limit = self.scheduler.drawn(entry.slot, token);
        let ends = llama.is_end(token);
        if !ends {
            let text = stream.text.push(&llama.bytes(token));
            if !text.is_empty() {
                self.output.say(&Report::Event {
                    call,
                    event: Ok(Event::Text(text)),
                })?;
            }
        }
        let stopped = ends || stream.text.stopped();
        match stopped.then_some(FinishReason::Stop).or(at_limit) {
            Some(reason) => match self.scheduler.finish(entry.slot) {
                Some(ended) => self.end(computer, &ended, reason),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Tells the end of a request.
    fn end(
        &mut self,
        computer: &mut Computer,
        ended: &Ended,
        reason: FinishReason,
    ) -> Result<(), String> {
        self.cut(computer, ended);
        let call = ended.call;
        let rest = self
            .streams
            .remove(&call)
            .map(|stream| stream.text.finish())
            .unwrap_or_default();
        if !rest.is_empty() {
            self.output.say(&Report::Event {
                call,
                event: Ok(Event::Text(rest)),
            })?;
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
        })
    }

    /// Looks an adapter up; a new one is checked here and loaded when nobody is generating.
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

    fn park(&mut self, file: AdapterFile, command: Command, since: Instant) -> Result<(), String> {
        // One at a time; a second adapter is asked for again when the first is there.
        self.wanted.get_or_insert(file);
        self.parked.push(Parked { command, since });
        Ok(())
    }

    /// Goes on with the commands that waited for an adapter.
    fn adapter_loaded(
        &mut self,
        llama: &Llama,
        file: AdapterFile,
        loaded: Result<Adapter, String>,
    ) -> Result<(), String> {
        // The new context's cache is empty. Nobody was generating.
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
        for Parked { command, since } in std::mem::take(&mut self.parked) {
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
