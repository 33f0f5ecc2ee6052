//! Only this file and those in `llama/` touch llama.cpp: `devices` finds where layers can go, `dice` draws tokens, `quantize` is the one call that
//! the safe crate lacks. It computes what it is told to and decides nothing.
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
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

use super::grammar::Vocabulary;
use super::machine;
use super::plan::{BATCH, Plan};
use super::protocol::Report;
use super::scheduler::{Adapter, Entry, Loan, Sequence, Token};
use super::settings::{FlashAttention, GpuLayers, KvType, WorkerSettings};
use super::tokens::{Own, Run, Special, Specials, chunks};
use crate::generate::Shortage;
use crate::gguf::Gguf;
use crate::template::{Marks, Piece};

mod devices;
mod dice;
mod quantize;

use devices::{HAS_DEVICES, NO_DEVICE, choose_devices, room};
pub(super) use dice::{Dice, Drawn};
use dice::{bound, likeliest};
pub(super) use quantize::quantize;

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
        machine::check()?;
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
        if offloaded == 0 && matches!(settings.gpu_layers, GpuLayers::Count(1..)) {
            tracing::warn!(
                reason = NO_DEVICE,
                "engine.gpu_layers wants layers on a graphics processor, and the processor computes all of them."
            );
        }
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
            // Locked pages are not counted as free. Weights that were laid out anew for the processor are in memory of their own. What chats
            // without a slot have computed takes its room little by little.
            mapped: machine::mapped()
                .filter(|_| !self.settings.mlock)
                .unwrap_or(0)
                .saturating_add(self.tails as u64),
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
        })?;
        // A device computes on after the call has come back, and the scheduler measures how long a step takes.
        self.context.synchronize();
        Ok(())
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

#[cfg(test)]
mod tests;
