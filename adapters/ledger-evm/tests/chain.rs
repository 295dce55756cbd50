//! What a chain does to an anchor.
#![expect(clippy::unwrap_used, reason = "a test")]

#[expect(unreachable_pub, reason = "shared by the tests")]
mod support;

use maily_errors::{Code, Error, Value};
use maily_ledger_evm::EvmConfig;
use maily_trust::checkpoint::Checkpoint;
use maily_trust::memory::{Ed25519Signer, MemoryJournal};
use maily_trust::merkle::Hash;
use maily_trust::model::{Finality, Receipt};
use maily_trust::port::Call;
use maily_trust::verify::State;
use maily_trust::{Trust, TrustConfig};
use support::{Anvil, Held, KEY};
use tower::ServiceExt as _;

async fn checkpoint(size: u64) -> Checkpoint {
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    Checkpoint::sign(size, Hash::of(&size.to_be_bytes()), &signer).await.unwrap()
}

async fn anchor(ledger: &Held, size: u64) -> Result<(Checkpoint, Receipt), Error> {
    let checkpoint = checkpoint(size).await;
    let receipt = ledger.clone().oneshot(Call::Anchor(checkpoint.clone())).await?;
    Ok((checkpoint, receipt))
}

fn gas_used(node: &Anvil, receipt: &Receipt) -> u64 {
    let transaction: String = receipt.locator[20..52].iter().map(|byte| format!("{byte:02x}")).collect();
    let answer = node.rpc("eth_getTransactionReceipt", &format!(r#"["0x{transaction}"]"#));
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    u64::from_str_radix(answer["result"]["gasUsed"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn height(node: &Anvil) -> u64 {
    let answer: serde_json::Value = serde_json::from_str(&node.rpc("eth_blockNumber", "[]")).unwrap();
    u64::from_str_radix(answer["result"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

#[tokio::test]
async fn certified_message_is_anchored_on_the_chain() {
    let Some(node) = Anvil::start() else { return };
    let ledger = node.ledger().await;
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    let trust = Trust::open(TrustConfig::default(), signer, MemoryJournal::default(), ledger).await.unwrap();

    let sent = trust.certify("From: a@b.example\nSubject: Hi\n\nHello\n").await.unwrap();

    let receipt = sent.proof.receipt().unwrap();
    assert_eq!((receipt.ledger.as_str(), receipt.locator.len()), ("eip155:31337", 84));
    assert_eq!(trust.verify(sent.message.clone()).await.unwrap().state, State::Intact);
    assert_eq!(&trust.lookup(&sent.proof).await.unwrap(), receipt);
}

#[tokio::test]
async fn anchor_costs_at_most_what_the_design_says() {
    let Some(node) = Anvil::start() else { return };
    let ledger = node.ledger().await;

    let (_, first) = anchor(&ledger, 1_000_000).await.unwrap();
    let (_, second) = anchor(&ledger, 2_000_000).await.unwrap();

    let gas = (gas_used(&ledger.node, &first), gas_used(&ledger.node, &second));
    println!("gas: first anchor {}, every further one {}", gas.0, gas.1);
    assert!(gas.0 <= 70_000 && gas.1 <= 35_000, "{gas:?}");
}

#[tokio::test]
async fn reorganization_is_noticed_by_the_hash_of_the_block() {
    let Some(node) = Anvil::start() else { return };
    let ledger = node.ledger().await;
    let (_, receipt) = anchor(&ledger, 3).await.unwrap();
    assert_eq!(ledger.ledger.finality(&receipt).await.unwrap(), Finality::Included);

    // The two newest blocks are replaced by empty ones: the height stays what it was.
    ledger.node.rpc("anvil_reorg", "[2, []]");

    assert_eq!(ledger.ledger.finality(&receipt).await.unwrap(), Finality::Reorged);
}

#[tokio::test]
async fn anchor_becomes_safe_and_final() {
    let Some(node) = Anvil::start() else { return };
    let ledger = node.ledger().await;
    let (checkpoint, receipt) = anchor(&ledger, 3).await.unwrap();
    let lookup = || ledger.clone().oneshot(Call::Lookup(checkpoint.clone()));

    ledger.node.rpc("anvil_mine", r#"["0x28"]"#);
    let later = lookup().await.unwrap();
    ledger.node.rpc("anvil_mine", r#"["0x28"]"#);
    let latest = lookup().await.unwrap();

    assert_eq!(receipt.finality, Finality::Included);
    assert_eq!((later.finality, latest.finality), (Finality::Safe, Finality::Finalized));
}

#[tokio::test]
async fn anchor_waits_for_its_confirmations() {
    let Some(node) = Anvil::start() else { return };
    let contract = node.config().deploy().await.unwrap();
    let config = node.config().with_contract(contract).with_confirmations(3);
    let ledger = config.build().await.unwrap();
    let anchored = tokio::spawn(ledger.oneshot(Call::Anchor(checkpoint(3).await)));

    // Blocks come until the anchor has enough of them on it.
    while !anchored.is_finished() {
        node.rpc("anvil_mine", r#"["0x1"]"#);
        tokio::task::yield_now().await;
    }

    let receipt = anchored.await.unwrap().unwrap();
    let height: serde_json::Value = serde_json::from_str(&node.rpc("eth_blockNumber", "[]")).unwrap();
    let height =
        u64::from_str_radix(height["result"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    assert!(height + 1 >= receipt.position + 3);
}

#[tokio::test]
async fn anchor_that_a_reorganization_drops_is_sent_again() {
    let Some(node) = Anvil::start() else { return };
    let contract = node.config().deploy().await.unwrap();
    let config = node.config().with_contract(contract).with_confirmations(3);
    let ledger = config.build().await.unwrap();
    let anchored = tokio::spawn(ledger.clone().oneshot(Call::Anchor(checkpoint(3).await)));

    while height(&node) < 2 {
        tokio::task::yield_now().await;
    }
    node.rpc("anvil_reorg", "[1, []]");
    while !anchored.is_finished() {
        node.rpc("anvil_mine", r#"["0x1"]"#);
        tokio::task::yield_now().await;
    }

    let receipt = anchored.await.unwrap().unwrap();
    assert!(ledger.finality(&receipt).await.unwrap() >= Finality::Included);
}

#[tokio::test]
async fn dead_node_is_unreachable() {
    let Some(mut node) = Anvil::start() else { return };
    let contract = node.config().deploy().await.unwrap();
    let config = node.config().with_contract(contract);
    let ledger = config.build().await.unwrap();
    node.kill();

    let calls = ledger.oneshot(Call::Anchor(checkpoint(3).await)).await.unwrap_err();
    let connects = config.build().await.unwrap_err();

    assert_eq!((calls.code(), connects.code()), (Code::LedgerUnreachable, Code::LedgerUnreachable));
    assert!(calls.is_temporary());
}

#[tokio::test]
async fn node_that_does_not_answer_is_unreachable() {
    // Accepts connections, in the kernel, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = EvmConfig::new(format!("http://{}", silent.local_addr().unwrap()), KEY);
    config.request_ms = 50;

    assert_eq!(config.deploy().await.unwrap_err().code(), Code::LedgerUnreachable);
}

#[tokio::test]
async fn address_without_the_contract_is_refused() {
    let Some(node) = Anvil::start() else { return };
    let nobody = "0x00000000000000000000000000000000000000aa".parse().unwrap();

    let err = node.config().with_contract(nobody).build().await.unwrap_err();

    assert_eq!(err.code(), Code::LedgerRejected);
}

#[tokio::test]
async fn account_without_money_is_refused() {
    let Some(node) = Anvil::start() else { return };
    let mut config = node.config();
    config.key = "0x0000000000000000000000000000000000000000000000000000000000000001".to_owned().into();

    assert_eq!(config.deploy().await.unwrap_err().code(), Code::LedgerRejected);
}

#[tokio::test]
async fn wrong_settings_are_named() {
    for (url, key, wrong) in
        [("ftp://x", KEY, "url"), ("no address", KEY, "url"), ("http://127.0.0.1:1", "no key", "key")]
    {
        let err = EvmConfig::new(url, key).deploy().await.unwrap_err();
        assert_eq!(err.code(), Code::ConfigInvalid);
        assert_eq!(err.public_context().collect::<Vec<_>>(), [("key", &Value::from(wrong))]);
    }
    let err = EvmConfig::new("http://127.0.0.1:1", KEY).build().await.unwrap_err();
    assert_eq!(err.public_context().collect::<Vec<_>>(), [("key", &Value::from("contract"))]);
}

#[test]
fn key_and_address_stay_out_of_debug() {
    let text = format!("{:?}", EvmConfig::new("http://user:hunter2@node", KEY));

    assert!(!text.contains("hunter2") && !text.contains("ac0974"));
}
