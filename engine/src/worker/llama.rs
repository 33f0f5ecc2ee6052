//! The only file that touches llama.cpp, but for the one call in `llama/quantize.rs`. It computes what it is told to and decides nothing.
//!
//! llama.cpp ends the process on arguments that it does not expect, so every number that goes in is checked here first:
//! places in the cache, the size of a step, tokens against the vocabulary, samplers' parameters (by `request::check`).

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::context::session::LlamaStateSeqFlags;
pub(super) use llama_cpp_2::context::session::SeqState;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use llama_cpp_2::token::logit_bias::LlamaLogitBias;
use llama_cpp_2::token_type::LlamaTokenAttr;
use llama_cpp_2::{
    LlamaBackendDevice, LlamaBackendDeviceType, LogOptions, list_llama_ggml_backend_devices,
    send_logs_to_tracing,
};

use super::grammar::{Form, Vocabulary};
use super::machine;
use super::plan::{BATCH, Plan, Room};
use super::protocol::Report;
use super::scheduler::{Adapter, Entry, Loan, Sequence, Token};
use super::settings::{FlashAttention, GpuLayers, KvType, WorkerSettings};
use super::tokens::{Own, Run, Special, Specials, chunks};
use crate::generate::{EngineError, Grammar, Request, Sampling, Shortage};
use crate::gguf::Gguf;
use crate::template::{Marks, Piece};

mod quantize;

pub(super) use quantize::quantize;

/// Whether this build knows any driver.
const HAS_DEVICES: bool = cfg!(any(
    feature = "cuda",
    feature = "metal",
    feature = "rocm",
    feature = "vulkan"
));
/// Where a form leaves so many tokens open that they cannot all be looked at, so many of the likeliest are.
const LIKELIEST: usize = 256;
/// Beginnings of prompts that are kept to be shared: a server has not many more personas.
const PREFIXES: u32 = 16;

/// A loaded model.
pub(super) struct Llama {
    // Declared before the backend, so that it is freed first.
    model: LlamaModel,
    backend: LlamaBackend,
    specials: Specials,
    end_tokens: Vec<LlamaToken>,
    settings: WorkerSettings,
    plan: Plan,
    sliding_window: Option<u32>,
    /// Bytes of the machine's memory for what chats without a slot have computed.
    tails: usize,
    /// Bytes of the machine's memory.
    needed: u64,
    /// Layers on devices.
    offloaded: u32,
    /// For grammars, of which most models never see one.
    vocabulary: OnceLock<Result<Vocabulary, String>>,
}

/// Why a model cannot be loaded, for the operator.
#[derive(Debug)]
pub(super) enum Unloadable {
    /// It does not fit into the memory that is free.
    NoRoom(Shortage),
    /// The settings name a device that is not there.
    Misset(String),
    /// Nobody could load it here.
    Faulty(String),
}

impl From<String> for Unloadable {
    fn from(reason: String) -> Self {
        Self::Faulty(reason)
    }
}

/// The adapters loaded so far. Apart from the model, since they are changed while contexts borrow that.
#[derive(Default)]
pub(super) struct Adapters(Vec<LlamaLoraAdapter>);

/// A model's working memory: the cache of all slots and what is needed to fill it.
pub(super) struct Computer<'model> {
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    vocabulary: i32,
    sequences: usize,
    window: Option<usize>,
    cells: usize,
    adapter: Option<Adapter>,
    /// Entries of the last step whose scores can be drawn from.
    drawable: Vec<i32>,
}

/// What was drawn.
#[derive(Debug, PartialEq)]
pub(super) enum Drawn {
    Token(Token),
    /// With which the reply has its form, and ends.
    Last(Token),
    /// The scores allow none, or the form is complete.
    Nothing,
    /// The form could not be kept within the limits of time and memory.
    Broken,
}

impl From<Option<Token>> for Drawn {
    fn from(token: Option<Token>) -> Self {
        token.map_or(Self::Nothing, Self::Token)
    }
}

/// Draws tokens for one reply.
pub(super) enum Dice {
    /// The likeliest token each time, but none of these.
    Likeliest(Vec<Token>),
    Drawn(LlamaSampler),
    /// Only what the form allows next.
    Bound {
        chain: LlamaSampler,
        form: Box<Form>,
    },
}

impl Llama {
    /// Loads a model whose header has been checked, beside what other workers have `mapped` (bytes). `offloads` is called before the drivers
    /// of devices are asked anything.
    pub(super) fn load(
        gguf: &Gguf,
        settings: &WorkerSettings,
        mapped: u64,
        offloads: impl FnOnce(),
    ) -> Result<Self, Unloadable> {
        send_logs_to_tracing(LogOptions::default());
        // Otherwise the process would be ended at its first such instruction, without a word.
        let lacking = machine::lacking();
        if !lacking.is_empty() {
            return Err(Unloadable::Faulty(format!(
                "this program was compiled for a processor with {}, which this one lacks: compile it here (./scripts/run does), or name a model server",
                lacking.join(", ")
            )));
        }
        let may_offload = settings.gpu_layers != GpuLayers::Count(0);
        if HAS_DEVICES && may_offload {
            offloads();
        }
        let backend =
            LlamaBackend::init().map_err(|error| format!("llama.cpp could not start: {error}"))?;
        let plan = Plan::new(gguf, settings);
        let layers = gguf.block_count.unwrap_or(0);
        let devices = if may_offload {
            choose_devices(&settings.devices).map_err(Unloadable::Misset)?
        } else {
            Vec::new()
        };
        // Those pages could be had, and their owners would read their files again at every step.
        let available = machine::available().map(|free| free.saturating_sub(mapped));
        let room = room(&devices, available);
        let offloaded = plan.gpu_layers(settings.gpu_layers, layers, room.free());
        // Devices without a layer would still be given long prompts to compute.
        let devices = if offloaded == 0 { Vec::new() } else { devices };
        let apart = room.layers_apart(offloaded);
        if let Some(available) = available {
            plan.check(apart, layers, available)
                .map_err(Unloadable::NoRoom)?;
        }
        // A saved tail of such a model has holes, too.
        let wanted = match gguf.sliding_window {
            None => u64::from(settings.cache_ram) << 20,
            Some(_) => 0,
        };
        let tails = plan.tails(wanted, apart, layers, available);
        let mmap = settings.mmap && backend.supports_mmap();
        let mut params = LlamaModelParams::default()
            .with_n_gpu_layers(offloaded)
            .with_use_mmap(mmap)
            .with_use_mlock(settings.mlock && backend.supports_mlock());
        if !settings.devices.is_empty() || devices.is_empty() {
            let indices: Vec<usize> = devices.iter().map(|device| device.index).collect();
            params = params
                .with_devices(&indices)
                .map_err(|error| format!("engine.devices: {error}"))?;
        }
        let started = std::time::Instant::now();
        let model = LlamaModel::load_from_file(&backend, &gguf.path, &params).map_err(|error| {
            format!(
                "{}: llama.cpp cannot load this model: {error}; its reason stands in the log",
                gguf.path.display()
            )
        })?;
        let vocab = model.vocab();
        if vocab.n_tokens() == 0 {
            return Err(Unloadable::Faulty(format!(
                "{}: this model has no vocabulary",
                gguf.path.display()
            )));
        }
        let end_tokens = vocab
            .tokens()
            .filter(|token| vocab.is_eog(*token))
            .collect();
        let specials = specials(&model);
        let devices: Vec<String> = devices
            .iter()
            .map(|device| format!("{} ({})", device.name, device.description))
            .collect();
        tracing::info!(
            model = %gguf.path.display(),
            parameters = model.n_params(),
            layers,
            offloaded,
            ?devices,
            context = plan.context,
            slots = settings.slots,
            threads = settings.threads.unwrap_or_else(machine::threads),
            weights_mib = plan.weights >> 20,
            cache_mib = plan.cache >> 20,
            cache_ram_mib = tails >> 20,
            seconds = started.elapsed().as_secs_f32(),
            "The model is loaded."
        );
        Ok(Self {
            model,
            backend,
            specials,
            end_tokens,
            settings: settings.clone(),
            plan,
            sliding_window: gguf.sliding_window,
            tails: usize::try_from(tails).unwrap_or(usize::MAX),
            vocabulary: OnceLock::new(),
            needed: plan.needed(apart, layers),
            offloaded,
        })
    }

    /// That it is loaded, and what that takes.
    pub(super) fn ready(&self) -> Report {
        Report::Ready {
            needed: self.needed,
            // Locked pages are not counted as free. Weights that were laid out anew for the processor are in memory of their own.
            mapped: machine::mapped()
                .filter(|_| !self.settings.mlock)
                .unwrap_or(0),
            offloads: self.offloaded > 0,
        }
    }

    /// Working memory for this model, with every slot empty.
    pub(super) fn computer(&self) -> Result<Computer<'_>, String> {
        let threads =
            i32::try_from(self.settings.threads.unwrap_or_else(machine::threads)).unwrap_or(1);
        let kv_type = match self.settings.kv_type {
            KvType::F16 => KvCacheType::F16,
            KvType::Q8 => KvCacheType::Q8_0,
            KvType::Q4 => KvCacheType::Q4_0,
        };
        let flash_attention = match self.settings.flash_attention {
            FlashAttention::Auto => llama_cpp_sys_2::LLAMA_FLASH_ATTN_TYPE_AUTO,
            FlashAttention::On => llama_cpp_sys_2::LLAMA_FLASH_ATTN_TYPE_ENABLED,
            FlashAttention::Off => llama_cpp_sys_2::LLAMA_FLASH_ATTN_TYPE_DISABLED,
        };
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(self.plan.cells))
            .with_n_batch(self.batch_size())
            .with_n_ubatch(self.batch_size())
            .with_n_seq_max(self.settings.slots + self.prefixes())
            // One pool of cells for all slots: a long chat may use what short ones leave, and prefixes can be shared.
            .with_kv_unified(true)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_type_k(kv_type)
            .with_type_v(kv_type)
            .with_flash_attention_policy(flash_attention)
            .with_no_perf(true);
        let context = self.model.new_context(&self.backend, params).map_err(|error| {
            format!("llama.cpp could not set up {} tokens of context ({error}): lower engine.context or engine.slots, or set engine.kv_type = \"f16\"", self.plan.cells)
        })?;
        Ok(Computer {
            batch: LlamaBatch::new(context.n_batch() as usize, 1),
            cells: context.n_ctx() as usize,
            context,
            vocabulary: self.model.vocab().n_tokens(),
            sequences: (self.settings.slots + self.prefixes()) as usize,
            window: self.sliding_window.map(|window| window as usize),
            adapter: None,
            drawable: Vec::new(),
        })
    }

    /// Tokens that one step can have. llama.cpp lowers a larger number to the size of the context and aborts on a step that is larger still.
    pub(super) fn batch_size(&self) -> u32 {
        BATCH.min(self.plan.cells)
    }

    /// Tokens of one chat.
    pub(super) fn context(&self) -> u32 {
        self.plan.context
    }

    /// Tokens of the beginnings that chats share.
    pub(super) fn shared(&self) -> u32 {
        self.plan.shared
    }

    /// Bytes of the machine's memory for what chats without a slot have computed.
    pub(super) fn tails(&self) -> usize {
        self.tails
    }

    /// Beginnings of prompts that can be kept for others. A recurrent model has one state for all that it has read, which cannot be cut, and a
    /// sliding window leaves holes behind it.
    pub(super) fn prefixes(&self) -> u32 {
        let has_holes = self.sliding_window.is_some();
        if self.model.is_recurrent() || self.model.is_hybrid() || has_holes {
            0
        } else {
            // llama.cpp has no more sequences.
            PREFIXES.min(256_u32.saturating_sub(self.settings.slots))
        }
    }

    /// What templates may ask of the vocabulary.
    pub(super) fn marks(&self) -> Marks {
        let vocab = self.model.vocab();
        // A vocabulary without such a token has -1 here, of which llama.cpp must not be asked the text.
        let exists = |token: &LlamaToken| (0..vocab.n_tokens()).contains(&token.0);
        let text = |token| {
            Some(token)
                .filter(exists)
                .and_then(|token| vocab.text(token))
                .map(|text| text.to_string_lossy().into_owned())
        };
        Marks {
            bos: text(vocab.bos()).unwrap_or_default(),
            eos: text(vocab.eos()).unwrap_or_default(),
        }
    }

    /// Whether a text of a template begins, after white space, with a token that ends the model's turn.
    pub(super) fn begins_with_end(&self, text: &str) -> bool {
        self.specials
            .first(text)
            .is_some_and(|token| self.is_end(token))
    }

    /// Whether the model ends its turn with this token.
    pub(super) fn is_end(&self, token: Token) -> bool {
        self.end_tokens.contains(&LlamaToken(token))
    }

    /// The tokens of a prompt, with the one that begins every text if the model wants it and the template has not written it.
    pub(super) fn tokens(&self, pieces: &[Piece]) -> Vec<Token> {
        self.tokens_with(pieces, |_| None)
    }

    /// The same, where `own` knows which messages are replies of this model, by their places.
    pub(super) fn tokens_with(
        &self,
        pieces: &[Piece],
        own: impl Fn(usize) -> Option<Own>,
    ) -> Vec<Token> {
        let vocab = self.model.vocab();
        let mut tokens = Vec::new();
        for run in self.specials.lay_out(pieces, own) {
            match run {
                Run::Own(own) => tokens.extend_from_slice(&own),
                Run::Special(token) => tokens.push(token),
                Run::Plain(text) => tokens.extend(self.plain(&text)),
            }
        }
        let bos = vocab.bos().0;
        if vocab.should_add_bos() && bos >= 0 && tokens.first() != Some(&bos) {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// The tokens of ordinary text; control tokens in it are not seen.
    pub(super) fn plain(&self, text: &str) -> impl Iterator<Item = Token> {
        let vocab = self.model.vocab();
        chunks(text)
            .flat_map(move |chunk| vocab.tokenize(chunk.as_bytes(), false, false))
            .map(|token| token.0)
    }

    /// A token as bytes, which may be part of a character. Control tokens have none.
    pub(super) fn bytes(&self, token: Token) -> Vec<u8> {
        self.model
            .vocab()
            .token_to_piece(LlamaToken(token), false, None)
    }

    /// Whether a reply with these tokens is ordinary text: nothing in it that a template writes between messages.
    pub(super) fn is_ordinary(&self, tokens: &[Token], text: &str) -> bool {
        let vocab = self.model.vocab();
        let is_control = |token: &Token| vocab.is_control(LlamaToken(*token));
        !tokens.iter().any(is_control) && !self.specials.mark(text)
    }

    /// Loads an adapter whose header has been checked. Nothing may be borrowed from the model meanwhile; the compiler sees to it.
    pub(super) fn load_adapter(
        &mut self,
        path: &Path,
        adapters: &mut Adapters,
    ) -> Result<Adapter, String> {
        match self.model.lora_adapter_init(path) {
            Ok(adapter) => {
                adapters.0.push(adapter);
                Ok(adapters.0.len() - 1)
            }
            Err(error) => Err(format!(
                "{}: llama.cpp cannot load this adapter: {error}; its reason stands in the log",
                path.display()
            )),
        }
    }

    /// What draws the tokens of a reply to `prompt`.
    ///
    /// Penalties look at the prompt too, as they do elsewhere, but not at control tokens: otherwise a chat with many short turns
    /// would make the end of a turn ever less likely.
    ///
    /// # Errors
    /// A grammar that cannot be kept.
    pub(super) fn dice(&self, request: &Request, prompt: &[Token]) -> Result<Dice, EngineError> {
        let sampling = &request.sampling;
        let is_plain =
            is_cold(sampling) && !repeats_cost(sampling) && sampling.dry_multiplier <= 0.0;
        // llama.cpp's sampler would first write down every token with its score.
        if is_plain && request.grammar.is_none() {
            let ends = self.end_tokens.iter().map(|token| token.0);
            return Ok(Dice::Likeliest(
                ends.filter(|_| request.ignore_eos).collect(),
            ));
        }
        let vocab = self.model.vocab();
        let mut chain = LlamaSampler::chain(
            self.samplers(sampling, seed(request), request.ignore_eos),
            true,
        );
        chain.accept_many(
            prompt
                .iter()
                .map(|token| LlamaToken(*token))
                .filter(|token| !vocab.is_control(*token)),
        );
        Ok(match &request.grammar {
            None => Dice::Drawn(chain),
            Some(grammar) => Dice::Bound {
                chain,
                form: Box::new(self.form(grammar)?),
            },
        })
    }

    /// What `dice` needs for a grammar; made with the first.
    fn form(&self, grammar: &Grammar) -> Result<Form, EngineError> {
        let vocabulary = self.vocabulary.get_or_init(|| {
            let tokens = 0..self.model.vocab().n_tokens();
            let bytes: Vec<Vec<u8>> = tokens.map(|token| self.bytes(token)).collect();
            let ends: Vec<Token> = self.end_tokens.iter().map(|token| token.0).collect();
            Vocabulary::new(&bytes, &ends)
        });
        let vocabulary = vocabulary.as_ref().map_err(Clone::clone);
        vocabulary
            .and_then(|vocabulary| vocabulary.form(grammar))
            .map_err(EngineError::Formless)
    }

    fn samplers(&self, sampling: &Sampling, seed: u32, ignore_eos: bool) -> Vec<LlamaSampler> {
        let number = |value: u32, most: u32| i32::try_from(value.min(most)).unwrap_or(i32::MAX);
        let vocabulary = self.model.vocab().n_tokens();
        let mut samplers = Vec::new();
        if ignore_eos {
            let never: Vec<_> = self
                .end_tokens
                .iter()
                .map(|token| LlamaLogitBias::new(*token, f32::NEG_INFINITY))
                .collect();
            samplers.push(LlamaSampler::logit_bias(vocabulary, &never));
        }
        if repeats_cost(sampling) {
            let last = number(sampling.repeat_last_n, self.plan.context);
            samplers.push(LlamaSampler::penalties(
                vocabulary,
                last,
                sampling.repeat_penalty,
                0.0,
                0.0,
            ));
        }
        if sampling.dry_multiplier > 0.0 {
            // No sequence breakers, so that it means what `no_repeat_ngram_size` does.
            let breakers: [&str; 0] = [];
            let (allowed, last) = (
                number(sampling.dry_allowed_length, 1 << 20),
                number(self.plan.context, 1 << 20),
            );
            samplers.push(LlamaSampler::dry(
                &self.model,
                sampling.dry_multiplier,
                sampling.dry_base,
                allowed,
                last,
                breakers,
            ));
        }
        if is_cold(sampling) {
            samplers.push(LlamaSampler::greedy());
            return samplers;
        }
        if sampling.top_k > 0 {
            samplers.push(LlamaSampler::top_k(number(
                sampling.top_k,
                i32::MAX.unsigned_abs(),
            )));
        }
        if sampling.top_p < 1.0 {
            samplers.push(LlamaSampler::top_p(sampling.top_p, 1));
        }
        if sampling.min_p > 0.0 {
            samplers.push(LlamaSampler::min_p(sampling.min_p, 1));
        }
        samplers.push(LlamaSampler::temp(sampling.temperature));
        samplers.push(LlamaSampler::dist(seed));
        samplers
    }
}

impl Computer<'_> {
    /// Cuts a sequence to its first tokens. False when it could not be cut there and is empty now, as with recurrent models.
    pub(super) fn cut(&mut self, sequence: Sequence, keep: usize) -> bool {
        let (Some(sequence), Ok(from)) = (self.sequence(sequence), u32::try_from(keep)) else {
            return false;
        };
        // Of what some layers do not look back to, llama.cpp has thrown parts away; behind a cut they would be needed again.
        let first = usize::try_from(self.context.kv_cache_seq_pos_min(sequence)).unwrap_or(0);
        let is_whole = self
            .window
            .is_none_or(|window| keep == 0 || first <= keep.saturating_sub(window));
        let sequence = sequence.unsigned_abs();
        let mut cut = || {
            self.context
                .clear_kv_cache_seq(Some(sequence), Some(from), None)
                .unwrap_or(false)
        };
        if is_whole && cut() {
            return true;
        }
        // A whole sequence can always be removed.
        self.context
            .clear_kv_cache_seq(Some(sequence), None, None)
            .is_ok_and(|removed| removed && keep == 0)
    }

    /// Lets the first tokens of one sequence stand in another one, which must be empty. False when they do not.
    pub(super) fn lend(&mut self, loan: Loan) -> bool {
        let (Some(from), Some(to)) = (self.sequence(loan.from), self.sequence(loan.to)) else {
            return false;
        };
        let Ok(length) = u32::try_from(loan.length) else {
            return false;
        };
        self.context
            .copy_kv_cache_seq(from, to, Some(0), Some(length))
            .is_ok()
    }

    /// A copy of what a sequence holds, in the machine's memory.
    pub(super) fn save(&self, sequence: Sequence) -> Option<SeqState> {
        let sequence = self.sequence(sequence)?;
        let state = self
            .context
            .state_seq_get(sequence, LlamaStateSeqFlags::empty());
        state
            .inspect_err(
                |error| tracing::warn!(%error, "What a chat has computed could not be saved."),
            )
            .ok()
    }

    /// Puts a copy back into an empty sequence. False when that failed and it is empty still.
    pub(super) fn restore(&mut self, sequence: Sequence, state: &SeqState) -> bool {
        let Some(number) = self.sequence(sequence) else {
            return false;
        };
        match self.context.state_seq_set(state, number) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "What a chat had computed could not be restored.");
                self.cut(sequence, 0);
                false
            }
        }
    }

    /// Empties every sequence.
    pub(super) fn clear(&mut self) {
        self.context.clear_kv_cache();
    }

    /// Decodes a step. After an error the cache holds nobody knows what and must be cleared.
    pub(super) fn decode(
        &mut self,
        entries: &[Entry],
        adapter: Option<Adapter>,
        adapters: &mut Adapters,
    ) -> Result<(), String> {
        self.apply(adapter, adapters)?;
        self.batch.clear();
        self.drawable.clear();
        for (index, entry) in (0..).zip(entries) {
            let sequence = self
                .sequence(entry.slot)
                .ok_or_else(|| format!("there is no slot {}", entry.slot))?;
            let position = i32::try_from(entry.position)
                .ok()
                .filter(|_| entry.position < self.cells);
            let position = position
                .ok_or_else(|| format!("position {} is outside the context", entry.position))?;
            if !(0..self.vocabulary).contains(&entry.token) {
                return Err(format!("there is no token {}", entry.token));
            }
            // Checks the size of the step itself.
            self.batch
                .add(LlamaToken(entry.token), position, &[sequence], entry.draw)
                .map_err(|error| error.to_string())?;
            if entry.draw {
                self.drawable.push(index);
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.context.decode(&mut self.batch).map_err(|error| {
            self.drawable.clear();
            error.to_string()
        })
    }

    /// Draws the token that follows an entry of the last step.
    pub(super) fn draw(&self, index: usize, dice: &mut Dice) -> Drawn {
        match dice {
            Dice::Likeliest(never) => {
                let scores = self.logits(index);
                scores.and_then(|scores| likeliest(scores, never)).into()
            }
            Dice::Drawn(sampler) => {
                let index = self.drawable(index);
                index
                    .map(|index| sampler.sample(&self.context, index).0)
                    .into()
            }
            Dice::Bound { chain, form } => match self.logits(index) {
                Some(scores) => bound(scores, chain, form),
                None => Drawn::Nothing,
            },
        }
    }

    /// The scores of every token of the vocabulary after an entry of the last step.
    pub(super) fn logits(&self, index: usize) -> Option<&[f32]> {
        let index = self.drawable(index)?;
        Some(self.context.get_logits_ith(index))
    }

    /// An entry of the last step as llama.cpp counts them, if its scores were asked for. They were asked for in order.
    fn drawable(&self, index: usize) -> Option<i32> {
        let index = i32::try_from(index).ok()?;
        self.drawable.binary_search(&index).ok()?;
        Some(index)
    }

    /// How many tokens the model knows.
    pub(super) fn vocabulary(&self) -> i32 {
        self.vocabulary
    }

    fn apply(&mut self, adapter: Option<Adapter>, adapters: &mut Adapters) -> Result<(), String> {
        if adapter == self.adapter {
            return Ok(());
        }
        let outcome = match (adapter, self.adapter) {
            (Some(new), _) => {
                let new = adapters.0.get_mut(new).ok_or("there is no such adapter")?;
                self.context
                    .lora_adapter_set(new, 1.0)
                    .map_err(|error| error.to_string())
            }
            (None, Some(old)) => {
                let old = adapters.0.get_mut(old).ok_or("there is no such adapter")?;
                self.context
                    .lora_adapter_remove(old)
                    .map_err(|error| error.to_string())
            }
            (None, None) => Ok(()),
        };
        outcome.inspect(|()| self.adapter = adapter)
    }

    fn sequence(&self, sequence: Sequence) -> Option<i32> {
        let number = i32::try_from(sequence).ok();
        number.filter(|_| sequence < self.sequences)
    }
}

/// The devices to offload to, by name. When none is named, those that llama.cpp takes by itself: every graphics processor with
/// memory of its own, or else the integrated one.
fn choose_devices(names: &[String]) -> Result<Vec<LlamaBackendDevice>, String> {
    let devices = list_llama_ggml_backend_devices();
    for device in &devices {
        tracing::info!(name = %device.name, description = %device.description, backend = %device.backend,
            free_mib = device.memory_free >> 20, "llama.cpp sees a device.");
    }
    if names.is_empty() {
        let of = |kind| {
            let devices = devices.iter().filter(move |it| it.device_type == kind);
            devices.cloned().collect::<Vec<_>>()
        };
        let discrete = of(LlamaBackendDeviceType::Gpu);
        return Ok(if discrete.is_empty() {
            of(LlamaBackendDeviceType::IntegratedGpu)
        } else {
            discrete
        });
    }
    let known: Vec<String> = devices.iter().map(|device| device.name.clone()).collect();
    let find = |name: &String| {
        let device = devices.iter().find(|device| device.name == *name).cloned();
        let device = device.ok_or_else(|| {
            format!(
                "engine.devices: there is no device \"{name}\"; llama.cpp sees {}",
                known.join(", ")
            )
        })?;
        match device.device_type {
            LlamaBackendDeviceType::Cpu | LlamaBackendDeviceType::Accelerator => Err(format!(
                "engine.devices: \"{name}\" is the processor, to which nothing is offloaded: to compute there, \
                 use engine.gpu_layers = 0 and name no device"
            )),
            _ => Ok(device),
        }
    };
    names.iter().map(find).collect()
}

fn room(devices: &[LlamaBackendDevice], available: Option<u64>) -> Room {
    let mut room = Room::default();
    for device in devices {
        let free = device.memory_free as u64;
        if device.device_type == LlamaBackendDeviceType::IntegratedGpu {
            room.shared += free;
        } else {
            room.apart += free;
        }
    }
    room.shared = available.map_or(room.shared, |available| room.shared.min(available));
    room
}

fn specials(model: &LlamaModel) -> Specials {
    let vocab = model.vocab();
    let mut control = Vec::new();
    let mut user_defined = Vec::new();
    for token in vocab.tokens() {
        let attributes = vocab.attr(token);
        let text = || {
            vocab
                .text(token)
                .map(|text| text.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        if attributes.contains(LlamaTokenAttr::Control) {
            control.push(Special {
                text: text(),
                token: token.0,
                strips_left: attributes.contains(LlamaTokenAttr::LStrip),
                strips_right: attributes.contains(LlamaTokenAttr::RStrip),
            });
        } else if attributes.contains(LlamaTokenAttr::UserDefined) {
            user_defined.push(text());
        }
    }
    Specials::new(control, user_defined)
}

/// Whether always the likeliest token is drawn: scores divided by next to nothing become infinite.
fn is_cold(sampling: &Sampling) -> bool {
    sampling.temperature < 1e-4
}

fn repeats_cost(sampling: &Sampling) -> bool {
    sampling.repeat_penalty != 1.0 && sampling.repeat_last_n > 0
}

/// The token with the highest score, the first where several have it, as llama.cpp's greedy sampler chooses it.
fn likeliest(scores: &[f32], never: &[Token]) -> Option<Token> {
    let may = |token: usize| Token::try_from(token).ok().filter(|it| !never.contains(it));
    let highest = highest(scores);
    let first = scores.iter().position(|score| *score == highest);
    // Of scores that are no numbers, which are all equally good, the first.
    first.and_then(may).or_else(|| {
        let others = scores.iter().enumerate();
        let others = others.filter_map(|(token, score)| Some((may(token)?, *score)));
        let best = others.reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map(|(token, _)| token)
    })
}

/// Draws a token that the form allows.
fn bound(scores: &[f32], chain: &mut LlamaSampler, form: &mut Form) -> Drawn {
    match allowed_token(scores, chain, form) {
        Some(token) if form.is_complete() => Drawn::Last(token),
        Some(token) => Drawn::Token(token),
        None if form.is_complete() => Drawn::Nothing,
        None => Drawn::Broken,
    }
}

fn allowed_token(scores: &[f32], chain: &mut LlamaSampler, form: &mut Form) -> Option<Token> {
    let every = || {
        let tokens = (0..).zip(scores);
        let data = tokens.map(|(token, score)| LlamaTokenData::new(LlamaToken(token), *score, 0.0));
        LlamaTokenDataArray::from_iter(data, false)
    };
    let mut free = every();
    free.apply_sampler(chain);
    let mut token = free.selected_token()?;
    // Most of the time the model keeps to the form by itself, and looking at the whole vocabulary takes long.
    if !form.allows(token.0) {
        let mut left = every();
        match form.allowed() {
            Some(allowed) => left
                .data
                .retain(|it| u32::try_from(it.id().0).is_ok_and(|id| allowed.is_allowed(id))),
            // The likeliest that does.
            None => {
                let by_score =
                    |a: &LlamaTokenData, b: &LlamaTokenData| b.logit().total_cmp(&a.logit());
                left.data
                    .select_nth_unstable_by(LIKELIEST.min(scores.len() - 1), by_score);
                left.data.truncate(LIKELIEST);
                left.data.sort_unstable_by(by_score);
                let found = left.data.iter().find(|it| form.allows(it.id().0)).copied();
                left.data = found.into_iter().collect();
            }
        }
        if left.data.is_empty() {
            return None;
        }
        left.apply_sampler(chain);
        token = left.selected_token()?;
    }
    chain.accept(token);
    form.accept(token.0).then_some(token.0)
}

/// The highest of these scores; one that is not a number counts as the lowest.
fn highest(scores: &[f32]) -> f32 {
    const LANES: usize = 16;
    let greater = |one: f32, other: f32| if other > one { other } else { one };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = scores.as_chunks::<LANES>();
    // Side by side, so that the compiler can use the processor's wide instructions: the order of comparing does not matter.
    for chunk in chunks {
        for (lane, score) in lanes.iter_mut().zip(chunk) {
            *lane = greater(*lane, *score);
        }
    }
    lanes
        .into_iter()
        .chain(rest.iter().copied())
        .fold(f32::NEG_INFINITY, greater)
}

/// llama.cpp takes the largest number for "draw one yourself", so the same seed would not give the same reply.
fn seed(request: &Request) -> u32 {
    use std::hash::{BuildHasher, RandomState};
    let drawn = || u32::try_from(RandomState::new().hash_one(0) & u64::from(u32::MAX)).unwrap_or(0);
    request.seed.unwrap_or_else(drawn).min(u32::MAX - 1)
}

#[cfg(test)]
mod tests;
