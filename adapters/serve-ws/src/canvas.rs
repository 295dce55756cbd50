//! Canvas documents over WebSocket.
