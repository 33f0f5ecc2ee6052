//! The `chatfriends` program.

fn main() -> std::process::ExitCode {
    chatfriends::cli::main()
}
