"""How files become samples: archives, formats, class layouts, label tables."""
