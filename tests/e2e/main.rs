//! End to end: the real program between people, programs and a model, as a fresh process in a fresh folder each time.
//!
//! Most tests talk to a fake model server and need no C++ build; `llama` and `seeds` run the shipped starter model.
//! Every module is marked `cfg(test)` so that clippy treats its helpers as test code.

#[cfg(test)]
mod support;

#[cfg(test)]
mod amend;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod disclosure;
#[cfg(test)]
mod discord;
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod groups;
#[cfg(all(test, feature = "llama"))]
mod llama;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod safety;
#[cfg(all(test, feature = "llama"))]
mod seeds;
#[cfg(all(test, target_os = "linux"))]
mod service;
#[cfg(all(test, feature = "llama"))]
mod session;
#[cfg(test)]
mod several;
#[cfg(test)]
mod studio;
#[cfg(test)]
mod telegram;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod torture;
#[cfg(test)]
mod web;
