//! What is held of a person, for that person to see or take away.

use serde_json::{Value, json};

use chatfriends_personas::Language;

use super::records;
use super::{Held, Memory, Turn, TurnId};
use crate::identity::{Audience, Conversation, Owner};
use crate::store::StoreError;
use crate::store::key::Key;

impl Memory {
    /// What is held of a person before this audience.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn held(&self, owner: &Owner) -> Result<Held, StoreError> {
        let store = self.store.as_ref();
        let mut facts = records::facts(store, owner)
            .await?
            .record
            .unwrap_or_default()
            .facts;
        facts.sort_by_key(|fact| fact.key);
        let summary = records::summary(store, owner)
            .await?
            .record
            .map(|summary| summary.text)
            .filter(|text| !text.is_empty());
        let turns = records::sayings(store, owner).await?.len();
        Ok(Held {
            facts,
            summary,
            turns,
        })
    }

    /// Everything held of a person before this audience. The notes of the turns are left out: they repeat what stands elsewhere in it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn export(&self, owner: &Owner) -> Result<Value, StoreError> {
        let Held { facts, summary, .. } = self.held(owner).await?;
        let fact = |fact: &super::Fact| json!({ "key": fact.key, "label": fact.key.label(Language::English), "value": fact.value, "at_ms": fact.at_ms, "turn": fact.source.turn });
        let mut turns = Vec::new();
        for (conversation, turn) in self.turns_of(owner).await? {
            turns.push(json!({
                "place": conversation.place,
                "thread": conversation.thread,
                "turn": turn.id,
                "at_ms": turn.at_ms,
                "name": turn.name,
                "text": turn.text,
                "reply": turn.reply.map(|reply| json!({ "text": reply.text, "complete": reply.complete })),
                // The reply answers other words than those above; who trains on this must know it.
                "amended": turn.amended,
            }));
        }
        Ok(json!({
            "person": owner.person,
            "persona": owner.persona,
            "audience": match &owner.audience { Audience::Private => json!("private"), Audience::Place(place) => json!({ "place": place }) },
            "facts": facts.iter().map(fact).collect::<Vec<_>>(),
            "summary": summary,
            "turns": turns,
        }))
    }

    /// The same turns as training data, a conversation an item: `{"persona", "messages": [{"role", "content"}]}`. A turn without a whole
    /// reply to these very words teaches nothing good; it ends its conversation.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn chatml(&self, owner: &Owner) -> Result<Vec<Value>, StoreError> {
        let mut runs: Vec<Vec<Value>> = Vec::new();
        let mut before: Option<Conversation> = None;
        // Sayings are kept by conversation, so the turns of one stand together, in order.
        for (conversation, turn) in self.turns_of(owner).await? {
            let Some(reply) = turn
                .reply
                .filter(|reply| reply.complete && !turn.amended && !reply.text.is_empty())
            else {
                before = None;
                continue;
            };
            if before.as_ref() != Some(&conversation) {
                runs.push(Vec::new());
            }
            let run = runs
                .last_mut()
                .expect("the first turn has no conversation before it");
            run.push(json!({ "role": "user", "content": turn.text }));
            run.push(json!({ "role": "assistant", "content": reply.text }));
            before = Some(conversation);
        }
        Ok(runs
            .into_iter()
            .map(|messages| json!({ "persona": owner.persona, "messages": messages }))
            .collect())
    }

    /// The last turns since the person began anew, oldest first, whether they are still in the window or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recent(
        &self,
        conversation: &Conversation,
        most: u64,
    ) -> Result<Vec<Turn>, StoreError> {
        let store = self.store.as_ref();
        let next = records::log(store, conversation)
            .await?
            .record
            .unwrap_or_default()
            .next;
        let begun = records::window(store, conversation)
            .await?
            .record
            .unwrap_or_default()
            .begun;
        let first = begun.max(TurnId(next.0.saturating_sub(most)));
        let turns = records::turns(store, conversation, first..next).await?;
        Ok(turns.into_iter().filter_map(|found| found.record).collect())
    }

    /// Whether the store answers at all.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self) -> Result<(), StoreError> {
        self.store.get(&Key::of("nothing")).await.map(drop)
    }

    pub(super) async fn turns_of(
        &self,
        owner: &Owner,
    ) -> Result<Vec<(Conversation, Turn)>, StoreError> {
        let store = self.store.as_ref();
        let mut turns = Vec::new();
        for saying in records::sayings(store, owner)
            .await?
            .into_iter()
            .filter_map(|found| found.record)
        {
            let turn = records::turn(store, &saying.0.conversation, saying.0.turn)
                .await?
                .record;
            turns.extend(turn.map(|turn| (saying.0.conversation, turn)));
        }
        Ok(turns)
    }
}
