//! A disk without room: 503, nothing half-written, and on with it when there is room again.

mod process;

use std::{path::Path, process::Command};

use process::{Server, assert_sound, call, hold};
use serde_json::Value;

/// A small file system of its own. Unmounted when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where this user may not mount anything.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let option = format!("size={size}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &option, "tmpfs"]).arg(folder.path()).status();
        matches!(status, Ok(status) if status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whatever still has a file open here was killed before.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_503_and_nothing_half_written_until_there_is_room() {
    let Some(disk) = Disk::mount("6m") else {
        eprintln!("skipped: only root may mount the small file system this test fills");
        return;
    };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1_u8; 2 << 20]).unwrap();
    let store = format!("sqlite://{}", disk.path().join("ticketing.db").display());
    let mut server = Server::start(&store);
    let admin = process::admin(server.address).await;
    let session = process::session(server.address, &admin, 1_000_000).await;

    let (mut held, mut n) = (Vec::new(), 0);
    let refused = loop {
        n += 1;
        let answer = hold(server.address, &session, n, "the-key").await.expect("the server lives and answers");
        match answer.status {
            201 => held.push((n, answer.body["holdId"].clone())),
            503 => break answer,
            _ => panic!("{answer:?}"),
        }
        assert!(n < 100_000, "the disk never filled up");
    };
    assert!(refused.body["reason"].is_string(), "{refused:?}");
    assert!(server.is_alive());
    let health = call(server.address, "GET", "/healthz", "", "", Value::Null).await.unwrap();
    assert_eq!(health.status, 200);

    std::fs::remove_file(&ballast).unwrap();
    let again = hold(server.address, &session, n, "the-key").await.expect("the server answers");
    assert_eq!((again.status, again.replayed), (201, false), "what was refused was not half-written: {again:?}");
    for (n, id) in &held {
        let replay = hold(server.address, &session, *n, "the-key").await.unwrap();
        assert_eq!((replay.status, replay.replayed, &replay.body["holdId"]), (201, true, id));
    }
    assert_sound(server.address).await;
    eprintln!("{} holds fitted, then 503; all there, and selling again", held.len());
}
