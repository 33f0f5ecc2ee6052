//! The fake chat apps, held against the clients that talk with the real ones: a fake that they do not understand proves nothing.

mod discord;
mod telegram;
