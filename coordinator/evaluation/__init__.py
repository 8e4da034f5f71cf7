"""How right the likeness of texts is, measured on labelled pairs and on a corpus; reads files, keeps nothing."""
