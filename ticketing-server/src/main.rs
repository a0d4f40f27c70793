//! `ticketing-server`: the ticketing engine over HTTP.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use ticketing_server::{
    args::Args,
    config::Config,
    serve,
    startup::{self, StartupError},
    telemetry::logs,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Usage or configuration.
const EXIT_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever it quotes.
            let line = error.to_string().replace(['\r', '\n'], " ");
            // Whoever closed stderr learns it from the exit code.
            let _ = writeln!(io::stderr(), "ticketing-server: {line}");
            ExitCode::from(EXIT_CONFIGURATION)
        }
    }
}

fn run(args: &Args) -> Result<(), StartupError> {
    let config = Config::load(args.sources())?;
    let _log = logs::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| startup::failed("cannot start the runtime", &error))?;
    runtime.block_on(async {
        let stop = stop_signal().map_err(|error| startup::failed("cannot listen for signals", &error))?;
        let ready = startup::start(config, args.demo).await?;
        // Whoever closed stdout does not want to know.
        let _ = announce(&ready);
        serve(ready.listener, ready.app, stop).await;
        Ok(())
    })
}

fn announce(ready: &startup::Ready) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(walkthrough) = &ready.walkthrough {
        writeln!(out, "{walkthrough}")?;
    }
    writeln!(out, "listening on http://{}", ready.address)?;
    out.flush()
}

/// Ends with the first SIGTERM or SIGINT. From its making on, neither ends the process.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
