"""Claude Code. Facts in here were measured on 2.1.197 and 2.1.330 unless another version is named."""
