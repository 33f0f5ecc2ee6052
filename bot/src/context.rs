//! What every turn shares. Made once by `run.rs`; finds who answers, and lets go of what was computed when something is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use chatfriends_personas::{Library, Persona};
use tokio_util::task::TaskTracker;

use crate::brains::Brains;
use crate::catalogue::Catalogue;
use crate::commands::Audit;
use crate::compaction::Compactor;
use crate::dialogue::Dialogues;
use crate::disclosure::Disclosure;
use crate::gate::Gate;
use crate::identity::{Conversation, Level, Owner, Scope};
use crate::inbound::Inbound;
use crate::inbox::Inbox;
use crate::intake::Resumed;
use crate::invitations::Invitations;
use crate::lanes::Lanes;
use crate::memory::Memory;
use crate::messages::Sentence;
use crate::moves::Moves;
use crate::platforms::health::Health;
use crate::platforms::telegram::webhook::Webhook;
use crate::reasons::Reasons;
use crate::rules::{Effective, EffectiveRules, PlaceRules};
use crate::settings::Settings;
use crate::store::disk::DiskStore;
use crate::store::{Store, StoreError};
use crate::studio::Studio;
use crate::tally::Tally;
use crate::turn::Trouble;

/// The parts that turns work with.
#[derive(Debug)]
pub struct Context {
    /// What was set.
    pub settings: Settings,
    /// The door.
    pub gate: Gate,
    /// The order of turns.
    pub lanes: Lanes,
    /// The turns that run, so that the end can wait for them.
    pub turns: TaskTracker,
    /// How much was answered lately.
    pub tally: Tally,
    /// What moderators did.
    pub audit: Audit,
    /// How the chat apps are.
    pub health: Health,
    /// Who can answer.
    pub catalogue: Catalogue,
    /// Who was made by command, and for which places.
    pub studio: Studio,
    /// What people are being asked in private.
    pub dialogues: Dialogues,
    /// Where chat apps keep what concerns them alone.
    pub store: Arc<dyn Store>,
    /// The same store, for its files.
    pub disk: DiskStore,
    /// The rules of places.
    pub rules: PlaceRules,
    /// What generates.
    pub brains: Brains,
    /// What came from chat apps and is not answered yet.
    pub inbox: Inbox,
    /// Whose unanswered events were taken up since the start.
    pub resumed: Resumed,
    /// What was asked where others read along, and is to be answered in private.
    pub invitations: Invitations,
    /// Where Telegram brings its updates, when it does.
    pub webhook: Webhook,
    /// Which places go on under another id.
    pub moves: Moves,
    /// Who was told that this is an AI.
    pub disclosure: Disclosure,
    /// What is remembered.
    pub memory: Memory,
    /// Summaries in the background.
    pub compaction: Compactor,
    /// Why the last replies were as they were.
    pub reasons: Reasons,
}

impl Context {
    /// Where a person's words may be in what was computed; to be asked before they are forgotten, for [`Self::let_go`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn heard_in(&self, scope: &Scope) -> Result<BTreeSet<Conversation>, StoreError> {
        let mut conversations = self.memory.conversations(&scope.owner).await?;
        conversations.insert(scope.conversation.clone());
        Ok(conversations)
    }

    /// Lets go of what is known beside the memory when something of it was forgotten: why replies were as they were, what engines have
    /// computed of these conversations, and the bytes that still lie in the store's files.
    pub async fn let_go(&self, owner: &Owner, conversations: &BTreeSet<Conversation>) {
        self.reasons.forget(owner);
        self.brains.forget(conversations).await;
        if let Err(error) = self.store.purge().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "What was forgotten stays in the store's files until they are rewritten next, within a day."
            );
        }
    }

    /// Who can answer where these levels stand one in another: those of files, and those made by command there.
    #[must_use]
    pub fn library_at(&self, levels: &[Level]) -> Arc<Library> {
        let library = self.catalogue.now();
        match self.studio.live_at(levels) {
            own if own.is_empty() => library,
            own => Arc::new(library.with(own)),
        }
    }

    /// The rules where these levels stand one in another. A persona that is gone leaves its places to the others there, and to the default one.
    #[must_use]
    pub fn rules_at(&self, levels: &[Level]) -> EffectiveRules {
        self.rules_among(levels, &self.library_at(levels))
    }

    /// The same where it is known who can answer.
    #[must_use]
    pub fn rules_among(&self, levels: &[Level], library: &Library) -> EffectiveRules {
        let mut rules = self.rules.at(levels);
        rules.personas.rule.retain(|id| library.get(id).is_some());
        if rules.personas.rule.is_empty() {
            rules.personas = Effective {
                rule: vec![self.settings.default_persona.clone()],
                from: None,
            };
        }
        rules
    }

    /// Who answers a message: the one that was picked or called, else the first of the place's, else the default.
    ///
    /// # Errors
    /// When the pick is unknown.
    pub fn persona_for(&self, inbound: &Inbound) -> Result<Arc<Persona>, Trouble> {
        let library = self.library_at(&inbound.levels);
        if let Some(picked) = &inbound.persona {
            return library.get(picked).cloned().ok_or_else(|| {
                let nearest = library.nearest(picked.as_str()).map(ToString::to_string);
                Trouble::Told(Sentence::UnknownPersona {
                    typed: picked.to_string(),
                    nearest,
                })
            });
        }
        let rules = self.rules_among(&inbound.levels, &library);
        let first = rules.personas.rule.first();
        first
            .and_then(|id| library.get(id))
            .cloned()
            .ok_or_else(|| {
                Trouble::Told(Sentence::UnknownPersona {
                    typed: self.settings.default_persona.to_string(),
                    nearest: None,
                })
            })
    }
}
