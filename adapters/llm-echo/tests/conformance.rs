//! The echo node keeps every rule of the `llm` port.

use maily_llm_echo::EchoConfig;

maily_mesh::conformance!(llm, EchoConfig::default().build());
