//! What every turn shares. Made once by `run.rs`; only parts, no behaviour beyond finding who answers.

use std::sync::Arc;

use chatfriends_personas::Persona;
use tokio_util::task::TaskTracker;

use crate::brains::Brains;
use crate::catalogue::Catalogue;
use crate::compaction::Compactor;
use crate::gate::Gate;
use crate::inbound::Inbound;
use crate::lanes::Lanes;
use crate::memory::Memory;
use crate::messages::Sentence;
use crate::reasons::Reasons;
use crate::routes::Routes;
use crate::settings::Settings;
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
    /// Who can answer.
    pub catalogue: Catalogue,
    /// Who answers where.
    pub routes: Routes,
    /// What generates.
    pub brains: Brains,
    /// What is remembered.
    pub memory: Memory,
    /// Summaries in the background.
    pub compaction: Compactor,
    /// Why the last replies were as they were.
    pub reasons: Reasons,
}

impl Context {
    /// Who answers a message: the surface's pick, else the place's, else the default.
    ///
    /// # Errors
    /// When the pick is unknown, or the store cannot tell the place's.
    pub async fn persona_for(&self, inbound: &Inbound) -> Result<Arc<Persona>, Trouble> {
        let library = self.catalogue.now();
        if let Some(picked) = &inbound.persona {
            return library.get(picked).cloned().ok_or_else(|| {
                let nearest = library.nearest(picked.as_str()).map(ToString::to_string);
                Trouble::Told(Sentence::UnknownPersona {
                    typed: picked.to_string(),
                    nearest,
                })
            });
        }
        let route = self.routes.of(&inbound.place).await?;
        // A persona whose file is gone leaves its places to the default one.
        let persona = library
            .get(&route.persona)
            .or_else(|| library.get(&self.settings.default_persona));
        persona.cloned().ok_or_else(|| {
            Trouble::Told(Sentence::UnknownPersona {
                typed: route.persona.to_string(),
                nearest: None,
            })
        })
    }
}
