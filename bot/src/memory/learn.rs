//! What becomes of a person's facts when they tell something: added, replaced, corrected or taken back. Pure; finding facts in words is `facts/`.

use super::facts::Told;
use super::records::FactSheet;
use super::{Fact, FactId, FactKey, MemoryLimits, TurnRef};

/// Two spellings of one word are at least this similar (Jaro-Winkler): "Yun" and "Yoon" are, "Yun" and "Tuesday" are not.
const ONE_WORD: f64 = 0.7;

impl FactSheet {
    /// Takes in what was told, and says whether anything changed.
    pub(super) fn learn(
        &mut self,
        told: &[Told],
        source: &TurnRef,
        at_ms: u64,
        limits: &MemoryLimits,
    ) -> bool {
        let before = self.facts.clone();
        for told in told {
            match told {
                Told::Is(key, value) => self.put(*key, value, source, at_ms, limits),
                Told::Perhaps(key, value) if self.values(*key).next().is_none() => {
                    self.put(*key, value, source, at_ms, limits)
                }
                Told::Perhaps(..) => {}
                Told::Not(key, value) => self.facts.retain(|fact| {
                    fact.key != *key || !value.as_ref().is_none_or(|value| same(&fact.value, value))
                }),
                Told::Rather { value, instead } => {
                    if let Some(key) = self.corrected(value, instead.as_deref()) {
                        self.put(key, value, source, at_ms, limits);
                    }
                }
            }
        }
        let changed = self.facts != before;
        self.revision += u64::from(changed);
        changed
    }

    pub(super) fn put(
        &mut self,
        key: FactKey,
        value: &str,
        source: &TurnRef,
        at_ms: u64,
        limits: &MemoryLimits,
    ) {
        if value.chars().count() > limits.value_chars {
            return;
        }
        // Who has come to dislike a thing does not like it any more.
        let opposite = match key {
            FactKey::Likes => Some(FactKey::Dislikes),
            FactKey::Dislikes => Some(FactKey::Likes),
            _ => None,
        };
        self.facts
            .retain(|fact| Some(fact.key) != opposite || !same(&fact.value, value));
        if self.values(key).any(|known| {
            known == value
                || !key.is_single() && same(known, value)
                || key == FactKey::Pet && is_more_of(known, value)
        }) {
            return;
        }
        // "I have a cat", and later "my cat's name is Nabi".
        self.facts.retain(|fact| {
            fact.key != key || key != FactKey::Pet || !is_more_of(value, &fact.value)
        });
        if key.is_single() {
            self.facts.retain(|fact| fact.key != key);
        } else if self.values(key).count() >= limits.values {
            let oldest = self.facts.iter().position(|fact| fact.key == key);
            oldest.map(|index| self.facts.remove(index));
        }
        let id = self.next;
        self.next = FactId(id.0 + 1);
        self.facts.push(Fact {
            id,
            key,
            value: value.to_owned(),
            source: source.clone(),
            at_ms,
        });
    }

    /// Which single value "it's Yoon (, not Yun)" puts right.
    fn corrected(&self, value: &str, instead: Option<&str>) -> Option<FactKey> {
        let similar = |known: &str| {
            strsim::jaro_winkler(&known.to_lowercase(), &value.to_lowercase()) >= ONE_WORD
        };
        let is_meant =
            |known: &str| instead.map_or_else(|| similar(known), |instead| same(known, instead));
        self.facts
            .iter()
            .find(|fact| fact.key.is_single() && is_meant(&fact.value))
            .map(|fact| fact.key)
    }
}

/// Whether one value says the other, and something besides.
fn is_more_of(more: &str, less: &str) -> bool {
    more.strip_prefix(less)
        .is_some_and(|rest| rest.starts_with(' '))
}

fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
    plain(a) == plain(b)
}
