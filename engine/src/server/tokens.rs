//! Counts tokens for a model that runs elsewhere: exactly with its `tokenizer.json`, else carefully too many.

use std::path::Path;
use std::sync::Arc;

use tokenizers::Tokenizer;

use crate::generate::EngineError;

/// A way to count.
#[derive(Clone)]
pub(crate) enum Counter {
    Exact(Arc<Tokenizer>),
    Estimate,
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Exact(_) => "Exact",
            Self::Estimate => "Estimate",
        })
    }
}

impl Counter {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, EngineError> {
        let Some(path) = path else {
            return Ok(Self::Estimate);
        };
        match Tokenizer::from_file(path) {
            Ok(tokenizer) => Ok(Self::Exact(Arc::new(tokenizer))),
            Err(error) => Err(EngineError::Refused(format!(
                "tokenizer: {} cannot be used: {error}",
                path.display()
            ))),
        }
    }

    pub(crate) async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, EngineError> {
        match self {
            Self::Estimate => Ok(texts.iter().map(|text| estimate(text)).collect()),
            Self::Exact(tokenizer) => {
                let tokenizer = Arc::clone(tokenizer);
                let counting = tokio::task::spawn_blocking(move || {
                    texts.iter().map(|text| exact(&tokenizer, text)).collect()
                });
                counting
                    .await
                    .unwrap_or_else(|_| Err(EngineError::Refused("the tokenizer broke off".into())))
            }
        }
    }
}

fn exact(tokenizer: &Tokenizer, text: &str) -> Result<u32, EngineError> {
    match tokenizer.encode_fast(text, false) {
        Ok(encoding) => Ok(u32::try_from(encoding.len()).unwrap_or(u32::MAX)),
        Err(error) => Err(EngineError::Refused(format!(
            "the tokenizer cannot read a text: {error}"
        ))),
    }
}

/// Half a token for each byte: about twice what English needs and somewhat more than present vocabularies need for Korean
/// (1 to 1.3 tokens a syllable of three bytes). Not a proof: a vocabulary without Hangul can need more.
fn estimate(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(2)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_tokenizer_the_estimate_errs_on_the_long_side() {
        let counts = Counter::open(None)
            .unwrap()
            .count(vec![
                String::new(),
                "hello there".into(),
                "안녕하세요".into(),
            ])
            .await;
        assert_eq!(counts, Ok(vec![0, 6, 8]));
    }

    #[tokio::test]
    async fn a_tokenizer_counts_exactly() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
            "pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
            "model":{"type":"WordLevel","vocab":{"hello":0,"there":1,"?":2},"unk_token":"?"}}"#;
        std::fs::write(file.path(), json).unwrap();
        let counts = Counter::open(Some(file.path()))
            .unwrap()
            .count(vec!["hello there friend".into()])
            .await;
        assert_eq!(counts, Ok(vec![3]));
    }

    #[test]
    fn a_broken_tokenizer_is_named() {
        let error = Counter::open(Some(Path::new("/nonexistent/tokenizer.json")))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nonexistent/tokenizer.json"), "{error}");
    }
}
