//! A group that goes on under another id: everything that is kept of it moves along.

use futures::FutureExt as _;

use super::Intake;
use crate::identity::Conversation;
use crate::moves::Move;
use crate::store::StoreError;

impl Intake {
    /// A place goes on under another id. On return that is noted, and its rules hold at the new one; what was said there moves as soon as
    /// nobody speaks there any more, and those who speak at the new place wait for it.
    pub(super) async fn moved(&self, moved: Move) -> Result<(), StoreError> {
        let is_new = self.ctx.moves.note(&moved).await?;
        // Also when it was known: perhaps they could not be moved then.
        self.move_rules(&moved).await?;
        if !is_new {
            return Ok(());
        }
        let old = self.ctx.memory.conversations_at(&moved.from.place).await?;
        let there = |conversation: &Conversation| Conversation {
            place: moved.to.place.clone(),
            ..conversation.clone()
        };
        // Nobody speaks there yet, so these do not wait, and those who come next do.
        let new: Vec<Conversation> = old.iter().map(there).collect();
        let mut entered: Vec<_> = new
            .iter()
            .filter_map(|conversation| self.ctx.lanes.enter(conversation).now_or_never())
            .collect();
        let this = self.clone();
        self.ctx.turns.spawn(async move {
            for conversation in &old {
                entered.push(this.ctx.lanes.enter(conversation).await);
            }
            match this.move_along(&moved).await {
                Ok(()) => tracing::info!(to = moved.to.place.as_str(), "A group goes on under another id, and all that was kept of it moved along."),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "What was kept of a group could not be moved to its new id; it is tried again at the next start."
                ),
            }
            drop(entered);
        });
        Ok(())
    }

    /// Moves everything that is kept of a place. Doing it twice is the same as doing it once.
    pub(super) async fn move_along(&self, moved: &Move) -> Result<(), StoreError> {
        self.move_rules(moved).await?;
        let Move { from, to } = moved;
        let memory = &self.ctx.memory;
        let conversations = memory.conversations_at(&from.place).await?;
        memory.move_place(&from.place, &to.place).await?;
        // Under these names nobody would ever ask for it or have it forgotten.
        self.ctx.brains.forget(&conversations).await;
        self.ctx.inbox.move_place(&from.place, to).await
    }

    /// Moves what moderators have made and set. It waits for nobody: whatever they change from now on, they change at the new id.
    async fn move_rules(&self, Move { from, to }: &Move) -> Result<(), StoreError> {
        let (Some(from), Some(to)) = (from.levels.last(), to.levels.last()) else {
            return Ok(());
        };
        self.ctx.rules.rename(from, to).await?;
        self.ctx.studio.rename(from, to).await?;
        self.ctx.audit.rename(from, to).await
    }
}
