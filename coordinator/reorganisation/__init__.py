"""Units that are merged or split: who and what goes where, without anybody reading more or less than before."""
