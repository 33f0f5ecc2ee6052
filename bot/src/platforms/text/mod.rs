//! From a model's words to messages: cleaned, read as Markdown, cut into pieces, and written in a platform's own form.
//!
//! A reply passes [`clean::clean_reply`], then [`split::pieces`], and each piece `discord::render` or `telegram::render`. All of it is plain
//! functions over text; nothing here sends.

pub mod clean;
pub mod discord;
#[cfg(test)]
mod discord_model;
pub mod fence;
mod markdown;
pub mod split;
pub mod styled;
pub mod telegram;
#[cfg(test)]
mod tests;
mod urls;
