//! Holds in process on a SQLite file, by 1, 32 and 1,024 callers at once, beside one commit per hold
//! with the same rows.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ticketing_benches::{disk::StoreFile, engine::Rig, reference::OneCommitPerHold};
use ticketing_core::clock::{Clock, SystemClock};
use tokio::runtime::Runtime;

fn engine(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let mut group = criterion.benchmark_group("hold_sqlite");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(5));
    for callers in [1, 32, 1_024] {
        let file = StoreFile::new().expect("there is room for a file");
        let rig = runtime.block_on(Rig::on(file.url())).expect("the engine starts");
        group.bench_with_input(BenchmarkId::new("engine", callers), &callers, |bencher, callers| {
            bencher.iter_custom(|holds| {
                let holds = usize::try_from(holds).expect("a benchmark counts to less than that");
                let rate = runtime.block_on(rig.hold_rate(*callers, holds)).expect("every hold is placed");
                Duration::from_secs_f64(holds as f64 / rate)
            });
        });
        runtime.block_on(rig.verify(None)).expect("every invariant holds");
    }
    let file = StoreFile::new().expect("there is room for a file");
    let rig = runtime.block_on(Rig::on(file.url())).expect("the engine starts");
    runtime.block_on(rig.engine.shutdown());
    let mut reference = OneCommitPerHold::open(&file.path(), rig.session_id).expect("the file opens");
    group.bench_function("one_commit_per_hold", |bencher| {
        bencher.iter_custom(|holds| {
            let clock = SystemClock::new();
            let begun = clock.now();
            for _ in 0..holds {
                reference.hold().expect("every hold is written");
            }
            clock.now().since(begun)
        });
    });
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
