//! `ticketing-server`: the ticketing engine over HTTP.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use ticketing_server::{
    args::{Args, Command, ConfigCommand},
    config::{Config, Report},
    serve,
    startup::{self, StartupError},
    telemetry::logs,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Longest time that threads are waited for once the server has ended.
const LAST_THREADS_TIME_MAX: Duration = Duration::from_secs(1);
/// Usage or configuration.
const EXIT_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    match args.command {
        None => match run(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&error);
                ExitCode::from(EXIT_CONFIGURATION)
            }
        },
        Some(Command::Config(ConfigCommand::Check { json })) => check(&args, json),
    }
}

/// One line on stderr, whatever it quotes.
fn complain(error: &dyn std::fmt::Display) {
    let line = error.to_string().replace(['\r', '\n'], " ");
    // Whoever closed stderr learns it from the exit code.
    let _ = writeln!(io::stderr(), "ticketing-server: {line}");
}

/// Prints what the configuration comes to, or all that is wrong with it.
fn check(args: &Args, json: bool) -> ExitCode {
    let report = Report::of(args.sources());
    // Whoever closed stdout learns it from the exit code.
    match (&report, json) {
        (Ok(report), true) => _ = writeln!(io::stdout(), "{:#}", report.to_json()),
        (Ok(report), false) => _ = write!(io::stdout(), "{report}"),
        (Err(wrong), true) => {
            let errors: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            let _ = writeln!(io::stdout(), "{:#}", serde_json::json!({ "ok": false, "errors": errors }));
        }
        (Err(wrong), false) => wrong.iter().for_each(|error| complain(error)),
    }
    if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CONFIGURATION) }
}

fn run(args: &Args) -> Result<(), StartupError> {
    let config = Config::load(args.sources())?;
    let _log = logs::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| startup::failed("cannot start the runtime", &error))?;
    let ended = runtime.block_on(async {
        let stop = stop_signal().map_err(|error| startup::failed("cannot listen for signals", &error))?;
        let ready = startup::start(config, args.demo).await?;
        // Whoever closed stdout does not want to know.
        let _ = announce(&ready);
        serve(ready.listener, ready.app, stop).await;
        Ok(())
    });
    // What still runs on a thread of its own, such as the hashing of a password, is nobody's any more.
    runtime.shutdown_timeout(LAST_THREADS_TIME_MAX);
    ended
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
