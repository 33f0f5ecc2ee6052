//! Moves the window of long conversations in the background, so that no reply waits for a summary.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chatfriends_engine::{Event, Message, Request, Role, Sampling};
use chatfriends_personas::{Language, Persona};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::brains::Seat;
use crate::compose::{self, Exchange, Voices};
use crate::identity::{Audience, Conversation, Scope};
use crate::memory::{Extractive, Memory, Summariser, TokenCounter, Turn, WindowBudget};
use crate::metrics::{self, Count};
use crate::settings::SummariserChoice;

/// A summary by the model is given up after this long; the next turn tries again.
const PATIENCE: Duration = Duration::from_secs(120);
/// Long enough, when the program ends, for a summary of chosen sentences; one by the model is made another time.
const FAREWELL: Duration = Duration::from_secs(2);

/// Starts compactions and knows which ones run.
#[derive(Debug, Clone)]
pub struct Compactor {
    memory: Memory,
    choice: SummariserChoice,
    summary_tokens: u32,
    running: Arc<Mutex<HashSet<Conversation>>>,
    tasks: TaskTracker,
    /// Cancelled when the daemon has no more time.
    stop: CancellationToken,
}

impl Compactor {
    /// A compactor of this memory.
    #[must_use]
    pub fn new(memory: Memory, choice: SummariserChoice, summary_tokens: u32) -> Self {
        Self {
            memory,
            choice,
            summary_tokens,
            running: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Compacts the conversation in the background if its turns have grown to what the last prompt let them have (`window`, in tokens), and it
    /// is not being compacted already.
    pub fn consider(&self, scope: &Scope, persona: &Arc<Persona>, seat: &Seat, window: u32) {
        let conversation = scope.conversation.clone();
        if !self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(conversation.clone())
        {
            return;
        }
        let (this, scope, persona, seat) = (
            self.clone(),
            scope.clone(),
            Arc::clone(persona),
            seat.clone(),
        );
        self.tasks.spawn(async move {
            // Removed also after a panic, or the conversation would never be compacted again.
            let _running = Running { of: conversation, all: Arc::clone(&this.running) };
            let outcome = tokio::select! {
                () = this.stop.cancelled() => return,
                outcome = this.compact(&scope, &persona, &seat, window) => outcome,
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, "A conversation could not be compacted; nothing is lost, the next turn tries again.");
            }
        });
    }

    /// Waits a moment for what is running and then gives it up, by which nothing is lost; call it when no more turns come.
    pub async fn finish(&self) {
        self.tasks.close();
        if timeout(FAREWELL, self.tasks.wait()).await.is_err() {
            self.stop.cancel();
            self.tasks.wait().await;
        }
    }

    async fn compact(
        &self,
        scope: &Scope,
        persona: &Persona,
        seat: &Seat,
        window: u32,
    ) -> anyhow::Result<()> {
        let budget = WindowBudget {
            window,
            summary: self.summary_tokens.min(seat.model.context / 8),
            message_overhead: seat.model.message_overhead,
        };
        let counter = EngineCounter(seat);
        let by_model = match self.choice {
            SummariserChoice::Auto => seat.model.capable,
            SummariserChoice::Extractive => false,
            SummariserChoice::Model => true,
        };
        let extractive = Extractive::new(&counter);
        let summariser: &dyn Summariser = if by_model {
            &ModelSummariser {
                audience: &scope.owner.audience,
                persona,
                seat,
                otherwise: &extractive,
            }
        } else {
            &extractive
        };
        if self
            .memory
            .compact(scope, budget, &counter, summariser)
            .await?
            .moved()
        {
            metrics::count(Count::Compactions);
        }
        Ok(())
    }
}

struct Running {
    of: Conversation,
    all: Arc<Mutex<HashSet<Conversation>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.of);
    }
}

struct EngineCounter<'a>(&'a Seat);

#[async_trait::async_trait]
impl TokenCounter for EngineCounter<'_> {
    async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, String> {
        self.0.count(texts).await.map_err(|error| error.to_string())
    }
}

/// Lets a capable model write the summary itself.
struct ModelSummariser<'a> {
    /// Only where others talk, too, is the person called by name: in private the persona knows whom it talks with.
    audience: &'a Audience,
    persona: &'a Persona,
    seat: &'a Seat,
    /// Takes over when the model fails. Otherwise the turns would gather until they are more than it can read, and it would fail for ever.
    otherwise: &'a Extractive<'a>,
}

#[async_trait::async_trait]
impl Summariser for ModelSummariser<'_> {
    async fn summarise(
        &self,
        previous: Option<&str>,
        evicted: &[Turn],
        budget: u32,
    ) -> Result<String, String> {
        match self.ask(previous, evicted, budget).await {
            Ok(summary) if !summary.is_empty() => Ok(summary),
            failed => {
                tracing::warn!(
                    reason = failed.err().unwrap_or_else(|| "it said nothing".to_owned()),
                    "The model wrote no summary; sentences are chosen instead."
                );
                self.otherwise.summarise(previous, evicted, budget).await
            }
        }
    }
}

impl ModelSummariser<'_> {
    async fn ask(
        &self,
        previous: Option<&str>,
        evicted: &[Turn],
        budget: u32,
    ) -> Result<String, String> {
        let name = match self.audience {
            Audience::Private => None,
            Audience::Place(_) => evicted.first().map(|turn| turn.name.as_str()),
        };
        let said: String = evicted.iter().map(|turn| turn.text.as_str()).collect();
        let instruction = instruction(Language::of(&said), previous, name);
        let mut messages = vec![Message {
            role: Role::System,
            content: self.persona.system.trim().to_owned(),
        }];
        messages.extend(talk(evicted, &instruction));
        let request = Request {
            chat: None,
            whose: None,
            messages,
            lead: 0,
            template: self.persona.template.clone(),
            adapter: self.persona.adapter.clone(),
            max_tokens: budget,
            stop: Vec::new(),
            sampling: Sampling {
                temperature: 0.2,
                ..Sampling::default()
            },
            grammar: None,
            seed: Some(0),
            ignore_eos: false,
            background: true,
            deadline: PATIENCE,
        };
        let mut events = self
            .seat
            .engine
            .generate(request)
            .await
            .map_err(|error| error.to_string())?
            .events;
        let mut summary = String::new();
        while let Some(event) = events.recv().await {
            match event.map_err(|error| error.to_string())? {
                Event::Text(text) => summary.push_str(&text),
                Event::Done(_) => return Ok(summary.trim().to_owned()),
            }
        }
        Err("the engine went away".to_owned())
    }
}

/// The turns in the order a template needs, person and model in turn: words without a reply stand before the next, or before the instruction.
fn talk(turns: &[Turn], instruction: &str) -> Vec<Message> {
    let (exchanges, mut last) = compose::exchanges(turns, None, Voices::One);
    let mut messages: Vec<Message> = exchanges.into_iter().flat_map(Exchange::messages).collect();
    last.push(instruction.to_owned());
    messages.push(Message {
        role: Role::User,
        content: last.join("\n\n"),
    });
    messages
}

fn instruction(language: Language, previous: Option<&str>, name: Option<&str>) -> String {
    match language {
        Language::Korean => {
            let known = previous
                .map(|text| format!("지금까지의 요약:\n{text}\n\n"))
                .unwrap_or_default();
            let name = name.unwrap_or("상대");
            format!(
                "{known}역할을 잠시 멈추고, 위 대화에서 상대가 자신에 대해 말한 것과 함께 정한 것을 세 문장 안의 한국어 요약으로만 적어 줘. 상대는 '{name}'(이)라고 불러 줘. 지금까지의 요약이 있으면 합쳐 줘."
            )
        }
        Language::English => {
            let known = previous
                .map(|text| format!("Summary so far:\n{text}\n\n"))
                .unwrap_or_default();
            let name = name.unwrap_or("the person");
            format!(
                "{known}Step out of your role for a moment. In at most three sentences, write only a summary of what the person told about themselves above and what was agreed. Call them \"{name}\". Merge the summary so far, if there is one."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::identity::{PersonId, Platform};
    use crate::memory::{Spoken, TurnId};

    fn turn(text: &str, reply: Option<&str>) -> Turn {
        Turn {
            id: TurnId(0),
            person: PersonId::new(Platform::Web, "yun"),
            name: "Yun".to_owned(),
            text: text.to_owned(),
            notes: String::new(),
            memory_revision: None,
            reply: reply.map(|text| Spoken {
                text: text.to_owned(),
                complete: true,
            }),
            at_ms: 0,
            source: None,
            parts: Vec::new(),
            amended: false,
        }
    }

    #[test]
    fn words_without_a_reply_are_summarised_too() {
        let turns = [
            turn("I moved.", None),
            turn("To Busan.", Some("Nice!")),
            turn("Bye.", None),
        ];
        let shown: String = talk(&turns, "Sum up.")
            .iter()
            .map(|Message { role, content }| format!("[{role:?}] {content}\n"))
            .collect();
        expect![[r#"
            [User] I moved.
            To Busan.
            [Assistant] Nice!
            [User] Bye.

            Sum up.
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn the_person_is_named_only_where_others_talk_too() {
        for (name, expected) in [
            (Some("Yun#3f2a"), ["\"Yun#3f2a\"", "'Yun#3f2a'"]),
            (None, ["\"the person\"", "'상대'"]),
        ] {
            for (language, expected) in [Language::English, Language::Korean]
                .into_iter()
                .zip(expected)
            {
                assert!(instruction(language, None, name).contains(expected));
            }
        }
    }
}
