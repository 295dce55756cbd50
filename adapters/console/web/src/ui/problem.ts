// Reads what a server refused with; loaded with the first refusal.

export { fromResponse } from "@maily/errors";
