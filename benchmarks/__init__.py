"""How long things take; figures are printed with what they were measured on."""
