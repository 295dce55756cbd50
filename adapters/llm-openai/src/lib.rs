//! Any OpenAI-compatible server as a mesh node
