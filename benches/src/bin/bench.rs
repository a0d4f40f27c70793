//! Measures each pair of figures in turns, prints them as a table, and writes them to `report.json`.

use std::{env, path::Path, process::ExitCode};

use ticketing_benches::{
    Failure, disk, engine, pairs,
    postgres::Postgres,
    redis::{Log, Redis},
    report::{self, Pair},
    server::{self, AUDIT_KEY, BARE_SERVER},
};

const TURNS: usize = 5;
const NAMES: [&str; 9] = ["P1", "P2", "P3", "P4", "P5", "P7", "P8", "P11", "hot"];
/// Those that need a Postgres server.
const ON_POSTGRES: [&str; 4] = ["P3", "P7", "P11", "hot"];
const USAGE: &str = "usage: bench [P1] [P2] [P3] [P4] [P5] [P7] [P8] [P11] [hot] [--turns N]

Without names: all of them. Writes to target/bench, or to TICKETING_BENCH_DIR.";

struct Args {
    names: Vec<String>,
    turns: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let done = if args.first().is_some_and(|first| first == BARE_SERVER) {
        server::serve_bare().await.map(|()| true)
    } else {
        match parse(args) {
            Some(args) => run(&args).await,
            None => {
                anstream::eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

fn parse(args: Vec<String>) -> Option<Args> {
    let mut parsed = Args { names: Vec::new(), turns: TURNS };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--turns" => parsed.turns = args.next()?.parse().ok().filter(|turns| *turns > 0)?,
            name if NAMES.contains(&name) => parsed.names.push(arg),
            _ => return None,
        }
    }
    Some(parsed)
}

/// Tells whether every target was reached.
async fn run(args: &Args) -> Result<bool, Failure> {
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|wanted| wanted == name);
    let mut measured: Vec<Pair> = Vec::new();
    if wanted("P2") {
        measured.push(pairs::hold::measure(args.turns).await?);
    }
    if wanted("P7") {
        measured.push(pairs::idle_hold::measure(args.turns).await?);
    }
    if ON_POSTGRES.into_iter().any(wanted) {
        match Postgres::start().await? {
            Some(server) => measured.extend(on_postgres(&server, wanted, args.turns).await?),
            None => {
                let left: Vec<_> = ON_POSTGRES.into_iter().filter(|name| wanted(name)).collect();
                anstream::eprintln!("SKIPPED what needs Postgres: {}", left.join(", "));
            }
        }
    }
    if wanted("P4") {
        match Redis::start(Log::EverySecond).await {
            Some(server) => measured.push(pairs::redis_hold::measure(&server, args.turns).await?),
            None => anstream::eprintln!("SKIPPED what needs Redis: P4"),
        }
    }
    let dir = disk::scratch()?;
    let file = dir.path().join("ticketing.db");
    if wanted("P1") {
        measured.push(pairs::http_hold::measure(&file, args.turns).await?);
    }
    if wanted("P5") {
        measured.extend(pairs::http_read::measure(&file, args.turns).await?);
    }
    if wanted("P8") {
        measured.push(pairs::purchase::measure(&file, args.turns).await?);
    }
    if file.exists() {
        verify(&file).await?;
    }
    anstream::println!("{}", report::table(&measured));
    anstream::eprintln!("written to {}", report::write(&measured)?.display());
    Ok(measured.iter().all(|pair| pair.reached() != Some(false)))
}

async fn on_postgres(server: &Postgres, wanted: impl Fn(&str) -> bool, turns: usize) -> Result<Vec<Pair>, Failure> {
    let mut measured = Vec::new();
    if wanted("P3") {
        measured.push(pairs::postgres_hold::measure(server, turns).await?);
    }
    if wanted("P7") {
        measured.push(pairs::idle_hold::measure_on_postgres(server, turns).await?);
    }
    if wanted("P11") {
        measured.push(pairs::nodes::measure(server, turns).await?);
    }
    if wanted("hot") {
        measured.extend(pairs::neighbours::measure(server, turns).await?);
    }
    Ok(measured)
}

/// Checks what the servers left behind.
async fn verify(file: &Path) -> Result<(), Failure> {
    let url = format!("sqlite://{}", file.display());
    engine::verify_store(&url, AUDIT_KEY.as_bytes()).await
}
