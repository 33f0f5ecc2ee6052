//! What the runs gave, side by side.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::measured::quantile;
use crate::server::Side;
use crate::workload::Report;

/// Every run of both sides.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Table {
    runs: BTreeMap<Side, Vec<Report>>,
}

/// A row's name and where its number stands.
type Measure = (&'static str, fn(&Report) -> f64);

const MEASURES: [Measure; 12] = [
    ("generated tokens per second", |run| run.tokens_per_second),
    ("first token, first turn, median (s)", |run| {
        run.first_turn_median
    }),
    ("first token, first turn, 95 % (s)", |run| run.first_turn_95),
    ("first token, first turn, worst (s)", |run| {
        run.first_turn_worst
    }),
    ("first token, follow-up, median (s)", |run| {
        run.follow_up_median
    }),
    ("first token, follow-up, 95 % (s)", |run| run.follow_up_95),
    ("share of follow-up prompts not computed again", |run| {
        run.follow_up_cached
    }),
    ("generated tokens", |run| run.generated_tokens),
    ("tokens of a first prompt", |run| run.first_prompt_tokens),
    ("start to ready (s)", |run| run.start),
    ("start to persona known (s)", |run| run.prepared),
    ("memory of its own (MiB)", |run| run.memory),
];

impl Table {
    pub(crate) fn add(&mut self, side: Side, report: Report) {
        self.runs.entry(side).or_default().push(report);
    }

    /// The newest run of a side in a line.
    pub(crate) fn last(&self, side: Side) -> String {
        let run = self.runs.get(&side).and_then(|runs| runs.last());
        run.map_or_else(String::new, |run| {
            format!(
                "{:.1} tokens/s, first token {:.2} s, then {:.2} s",
                run.tokens_per_second, run.first_turn_median, run.follow_up_median
            )
        })
    }

    fn numbers(&self, side: Side, measure: &Measure) -> Vec<f64> {
        self.runs
            .get(&side)
            .into_iter()
            .flatten()
            .map(measure.1)
            .collect()
    }
}

/// Markdown: medians of each side, and the median of the ratios of runs that stood next to each other, with the least and the greatest.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| measure | chatfriends | llama-server | ratio (least to greatest) |\n|---|---|---|---|"
        )?;
        for measure in &MEASURES {
            let ours = self.numbers(Side::Chatfriends, measure);
            let theirs = self.numbers(Side::LlamaServer, measure);
            let ratios: Vec<f64> = ours
                .iter()
                .zip(&theirs)
                .map(|(ours, theirs)| ours / theirs)
                .collect();
            writeln!(
                f,
                "| {} | {:.2} | {:.2} | {:.2} ({:.2} to {:.2}) |",
                measure.0,
                quantile(&ours, 0.5),
                quantile(&theirs, 0.5),
                quantile(&ratios, 0.5),
                quantile(&ratios, 0.0),
                quantile(&ratios, 1.0),
            )?;
        }
        Ok(())
    }
}
