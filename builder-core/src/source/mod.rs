//! Resolves what comes from outside: images in registries, layouts and archives, programs of this machine.
