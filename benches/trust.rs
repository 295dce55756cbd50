//! What a proof costs: the tree of a million certificates, one certificate, one verdict.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use maily::trust::canonical::Canonical;
use maily::trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
use maily::trust::merkle::{Hash, Tree, verify_inclusion};
use maily::trust::{Trust, TrustConfig, qr};
use tokio::runtime::Runtime;

const LEAVES: u64 = 1_000_000;

/// 8 KiB in two texts, like a small campaign.
fn mail() -> String {
    let lines: String = (0..60).map(|line| format!("This is line {line} of a small campaign.\r\n")).collect();
    let html: String =
        (0..60).map(|line| format!("<p>This is line {line} of a <b>small</b> campaign.</p>\r\n")).collect();
    format!(
        "From: a@b.example\r\nSubject: Hi\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n\
         --x\r\nContent-Type: text/plain\r\n\r\n{lines}--x\r\nContent-Type: text/html\r\n\r\n{html}--x--\r\n"
    )
}

fn merkle(c: &mut Criterion) {
    let mut group = c.benchmark_group("trust/merkle");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(3)).sample_size(10);
    let leaves: Vec<Hash> = (0..LEAVES).map(|number| Hash::of(&number.to_be_bytes())).collect();
    group.throughput(Throughput::Elements(LEAVES));
    group.bench_function("build_1m_prehashed", |b| {
        b.iter_batched(|| leaves.clone(), |leaves| Tree::from_leaves(leaves).root(), BatchSize::LargeInput);
    });
    let tree = Tree::from_leaves(leaves);
    let path = tree.inclusion(123_456, LEAVES).expect("the leaf is there");
    let (leaf, root) = (tree.leaf(123_456).expect("the leaf is there"), tree.root());
    group.throughput(Throughput::Elements(1));
    group.bench_function("prove_in_1m", |b| b.iter(|| tree.inclusion(black_box(123_456), LEAVES)));
    group.bench_function("verify_in_1m", |b| {
        b.iter(|| verify_inclusion(leaf, 123_456, LEAVES, black_box(&path), root).is_ok());
    });
    group.finish();
}

fn messages(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let signer = Ed25519Signer::generate("mail.example/log").expect("a name");
    let (journal, ledger) = (MemoryJournal::default(), MemoryLedger::default());
    let trust = runtime
        .block_on(Trust::open(TrustConfig::default(), signer, journal, ledger))
        .expect("an empty journal opens");
    let sent = runtime.block_on(trust.certify(mail())).expect("the mail is certified");

    let mut group = c.benchmark_group("trust/mail_8k");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2)).sample_size(20);
    group.throughput(Throughput::Elements(1));
    group.bench_function("canonical", |b| b.iter(|| Canonical::of(black_box(&sent.message)).is_ok()));
    group.bench_function("certify", |b| b.to_async(&runtime).iter(|| trust.certify(mail())));
    group.bench_function("verify", |b| b.iter(|| trust.verifier().verify(black_box(&sent.message)).is_ok()));
    group.bench_function("verify_proof_alone", |b| b.iter(|| sent.proof.verify().is_ok()));
    let link = trust.link(sent.certificate());
    group.bench_function("qr_svg", |b| b.iter(|| qr::svg(black_box(&link))));
    group.finish();
}

criterion_group!(benches, merkle, messages);
criterion_main!(benches);
