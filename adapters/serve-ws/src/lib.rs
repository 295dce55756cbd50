//! WebSockets: canvas sync, token streams, live analytics
