"""From people's own data to a persona: prepare, fine-tune, merge, convert, quantise, prove."""
