//! A local language model as a mesh node
