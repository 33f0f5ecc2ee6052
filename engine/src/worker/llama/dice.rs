//! Draws the tokens of one reply from scores that were computed: freely through llama.cpp's samplers, without these where always the likeliest is
//! wanted, or within a form. What a form allows next, `grammar` says.

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use llama_cpp_2::token::logit_bias::LlamaLogitBias;

use super::Llama;
use crate::generate::{EngineError, Grammar, Request, Sampling};
use crate::worker::grammar::{Form, Vocabulary};
use crate::worker::scheduler::Token;

/// Where a form leaves so many tokens open that they cannot all be looked at, so many of the likeliest are.
const LIKELIEST: usize = 256;
/// Why a form is not kept, for who asked for it.
const TOO_OPEN: &str = "it leaves so much open that looking through it takes too long";
const NO_TOKEN: &str = "it asks for something that this model has no token for";

/// Draws tokens for one reply.
pub(in crate::worker) enum Dice {
    /// The likeliest token each time, but none of these.
    Likeliest(Vec<Token>),
    Drawn(LlamaSampler),
    /// Only what the form allows next.
    Bound {
        chain: LlamaSampler,
        form: Box<Form>,
    },
}

/// What was drawn.
#[derive(Debug, PartialEq)]
pub(in crate::worker) enum Drawn {
    Token(Token),
    /// With which the reply has its form, and ends.
    Last(Token),
    /// The scores allow none, or the form is complete.
    Nothing,
    /// The form could not be kept: why, for who asked for it.
    Broken(&'static str),
}

impl From<Option<Token>> for Drawn {
    fn from(token: Option<Token>) -> Self {
        token.map_or(Self::Nothing, Self::Token)
    }
}

impl Llama {
    /// What draws the tokens of a reply to `prompt`.
    ///
    /// Penalties look at the prompt too, as they do elsewhere, but not at control tokens: otherwise a chat with many short turns
    /// would make the end of a turn ever less likely.
    ///
    /// # Errors
    /// A grammar that cannot be kept.
    pub(in crate::worker) fn dice(
        &self,
        request: &Request,
        prompt: &[Token],
    ) -> Result<Dice, EngineError> {
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

    pub(super) fn samplers(
        &self,
        sampling: &Sampling,
        seed: u32,
        ignore_eos: bool,
    ) -> Vec<LlamaSampler> {
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

/// The token with the highest score, the first where several have it, as llama.cpp's greedy sampler chooses it.
pub(super) fn likeliest(scores: &[f32], never: &[Token]) -> Option<Token> {
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

/// Draws a token that the form allows.
pub(super) fn bound(scores: &[f32], chain: &mut LlamaSampler, form: &mut Form) -> Drawn {
    match allowed_token(scores, chain, form) {
        Ok(token) if form.is_complete() => Drawn::Last(token),
        Ok(token) => Drawn::Token(token),
        Err(_) if form.is_complete() => Drawn::Nothing,
        Err(fault) => Drawn::Broken(fault),
    }
}

fn allowed_token(
    scores: &[f32],
    chain: &mut LlamaSampler,
    form: &mut Form,
) -> Result<Token, &'static str> {
    let every = || {
        let tokens = (0..).zip(scores);
        let data = tokens.map(|(token, score)| LlamaTokenData::new(LlamaToken(token), *score, 0.0));
        LlamaTokenDataArray::from_iter(data, false)
    };
    let mut free = every();
    free.apply_sampler(chain);
    let mut token = free.selected_token().ok_or(NO_TOKEN)?;
    // Most of the time the model keeps to the form by itself, and looking at the whole vocabulary takes long.
    if !form.allows(token.0) {
        let mut left = every();
        match form.allowed() {
            Some(allowed) => {
                left.data
                    .retain(|it| u32::try_from(it.id().0).is_ok_and(|id| allowed.is_allowed(id)));
                if left.data.is_empty() {
                    return Err(NO_TOKEN);
                }
            }
            // The likeliest that does.
            None => {
                let by_score =
                    |a: &LlamaTokenData, b: &LlamaTokenData| b.logit().total_cmp(&a.logit());
                left.data
                    .select_nth_unstable_by(LIKELIEST.min(scores.len() - 1), by_score);
                left.data.truncate(LIKELIEST);
                left.data.sort_unstable_by(by_score);
                let found = left.data.iter().find(|it| form.allows(it.id().0)).copied();
                left.data = vec![found.ok_or(TOO_OPEN)?];
            }
        }
        left.apply_sampler(chain);
        token = left.selected_token().ok_or(NO_TOKEN)?;
    }
    chain.accept(token);
    if form.accept(token.0) {
        Ok(token.0)
    } else {
        Err(TOO_OPEN)
    }
}

/// Whether always the likeliest token is drawn: scores divided by next to nothing become infinite.
fn is_cold(sampling: &Sampling) -> bool {
    sampling.temperature < 1e-4
}

fn repeats_cost(sampling: &Sampling) -> bool {
    sampling.repeat_penalty != 1.0 && sampling.repeat_last_n > 0
}

/// llama.cpp takes the largest number for "draw one yourself", so the same seed would not give the same reply.
fn seed(request: &Request) -> u32 {
    use std::hash::{BuildHasher, RandomState};
    let drawn = || u32::try_from(RandomState::new().hash_one(0) & u64::from(u32::MAX)).unwrap_or(0);
    request.seed.unwrap_or_else(drawn).min(u32::MAX - 1)
}
