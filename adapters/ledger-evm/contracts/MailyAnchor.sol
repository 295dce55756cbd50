// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// Holds the newest checkpoint of each log: how many certificates it has, and the Merkle root over them.
///
/// One head per issuer, so the storage does not grow: two words are written for each checkpoint, and one
/// checkpoint covers any number of certificates. Earlier checkpoints are found by their event.
contract MailyAnchor {
    struct Head {
        uint64 sequence;
        uint64 size;
        uint128 time;
    }

    /// The log of `issuer` has `size` certificates under `root`.
    event Anchored(address indexed issuer, bytes32 indexed root, uint64 size, uint64 sequence);

    /// A log only grows.
    error NotGrown(uint64 size, uint64 current);

    mapping(address issuer => Head) public head;
    mapping(address issuer => bytes32) public root;

    /// Anchors the checkpoint of the sender.
    function anchor(bytes32 newRoot, uint64 size) external {
        Head memory old = head[msg.sender];
        if (size <= old.size) revert NotGrown(size, old.size);
        uint64 sequence = old.sequence + 1;
        head[msg.sender] = Head(sequence, size, uint128(block.timestamp));
        root[msg.sender] = newRoot;
        emit Anchored(msg.sender, newRoot, size, sequence);
    }
}
