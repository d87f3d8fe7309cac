//! The binary: arguments in, exit code out.

use clap::Parser as _;
use pilothouse::cli::args::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(pilothouse::cli::dispatch(cli));
            // A statement that hangs on a dead server must not hang us.
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("pilothouse cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
