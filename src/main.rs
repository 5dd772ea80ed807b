//! The `musiclime` command; everything it does is in [`musiclime::cli`].

fn main() -> std::process::ExitCode {
    musiclime::cli::main()
}
