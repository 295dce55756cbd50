//! Sentence embeddings through ONNX Runtime
