// Compiles MailyAnchor.sol into MailyAnchor.json: ABI and bytecode, which are committed, so that cargo needs
// no node. `node build.js --check` fails when the committed file is not what the source compiles to.
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const source = path.join(__dirname, "MailyAnchor.sol");
const target = path.join(__dirname, "MailyAnchor.json");

const input = {
  language: "Solidity",
  sources: { "MailyAnchor.sol": { content: fs.readFileSync(source, "utf8") } },
  settings: {
    evmVersion: "paris", // no PUSH0: it runs on every chain
    metadata: { bytecodeHash: "none", appendCBOR: false },
    optimizer: { enabled: true, runs: 1000000 },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const { formattedMessage } of output.errors ?? []) console.error(formattedMessage);
if ((output.errors ?? []).some(({ severity }) => severity === "error")) process.exit(1);

const { abi, evm } = output.contracts["MailyAnchor.sol"].MailyAnchor;
const text = JSON.stringify({ compiler: solc.version(), abi, bytecode: `0x${evm.bytecode.object}` }, null, 2) + "\n";
if (!process.argv.includes("--check")) {
  fs.writeFileSync(target, text);
} else if (fs.readFileSync(target, "utf8") !== text) {
  console.error("MailyAnchor.json is not what MailyAnchor.sol compiles to: run `npm run build`");
  process.exit(1);
}
