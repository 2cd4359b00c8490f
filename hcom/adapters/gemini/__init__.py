"""Gemini CLI, 0.24 and later. Facts in here were measured on 0.61.0 unless another is named."""
