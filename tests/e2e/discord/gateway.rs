//! The connection to Discord's gateway: how often it may begin, and what is said of it while it is broken.
