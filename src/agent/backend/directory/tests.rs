//! What needs no other machine.

use super::files::PIECE;
use super::*;

const HASTY: Deadlines = Deadlines {
    connect: Duration::from_millis(50),
    response: Duration::from_millis(50),
    stall: Duration::from_millis(50),
};

#[tokio::test]
async fn what_hangs_is_given_up_and_what_moves_is_not() {
    let store = DirectoryStore::open(Path::new("/nowhere"), true, HASTY);
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let hanging = store.away(move |_, _| {
        let _ = hold.recv();
        Ok(())
    });
    assert_eq!(hanging.await.unwrap_err().failure, Failure::Timeout);
    drop(release);

    let patient = Deadlines {
        stall: Duration::from_millis(2000),
        ..HASTY
    };
    let store = DirectoryStore::open(Path::new("/nowhere"), true, patient);
    let moving = store.away(|_, pulse| {
        for _ in 0..30 {
            pulse.beat();
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    moving.await.unwrap();
}

#[tokio::test]
async fn a_slow_taker_is_not_the_servers_fault() {
    let directory = tempfile::tempdir().unwrap();
    let deadlines = Deadlines {
        connect: Duration::from_secs(20),
        response: Duration::from_secs(20),
        stall: Duration::from_millis(100),
    };
    let store = DirectoryStore::open(&directory.path().join("store"), false, deadlines);
    let bytes = vec![1; 4 * PIECE];
    // A loaded machine may be slow to write, which is not what this is about.
    while store
        .put("a", Body::Bytes(bytes.clone().into()), false)
        .await
        .is_err()
    {}
    let (mut into, mut from) = tokio::io::duplex(1000);
    let reading = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let mut all = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut from, &mut all)
            .await
            .unwrap();
        all
    };
    let getting = async {
        let got = store.get("a", &mut into).await;
        drop(into);
        got
    };
    let (got, all) = tokio::join!(getting, reading);
    assert_eq!(got.unwrap(), Some(bytes.len() as u64));
    assert_eq!(all, bytes);
}
