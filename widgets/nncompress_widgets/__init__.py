"""Controls for notebooks: sliders that move a real model."""
