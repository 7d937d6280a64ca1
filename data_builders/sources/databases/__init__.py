"""The databases of the field that have a reader of their own, one small module each."""
