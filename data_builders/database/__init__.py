"""From clips of a source to a TFDS database: computed, cached, checked, packaged."""
