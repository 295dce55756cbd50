//! Routes of the mesh core.
